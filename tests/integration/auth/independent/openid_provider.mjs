// oidc-provider (a certified OpenID provider) on loopback: `node openid_provider.mjs CALLBACK` with the package
// named by OIDC_PROVIDER, the path of its main file. Prints `ready <issuer>`. Its own pages ask for any name. It signs
// id_tokens by ID_TOKEN_ALG, and userinfo by USERINFO_ALG where that is set.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";

const { Provider } = await import(process.env.OIDC_PROVIDER);
const [idTokenAlg, userinfoAlg] = [process.env.ID_TOKEN_ALG ?? "RS256", process.env.USERINFO_ALG];
const kinds = [["rsa", { modulusLength: 2048 }], ["ec", { namedCurve: "P-256" }], ["ed25519", {}]];
const keys = kinds.map(([kind, options]) => generateKeyPairSync(kind, options).privateKey.export({ format: "jwk" }));
const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "lixiao",
        client_secret: "s3cret+%&=",
        redirect_uris: [process.argv[2]],
        token_endpoint_auth_method: process.env.CLIENT_AUTH ?? "client_secret_post",
        id_token_signed_response_alg: idTokenAlg,
        ...(userinfoAlg && { userinfo_signed_response_alg: userinfoAlg }),
      },
    ],
    jwks: { keys },
    features: { jwtUserinfo: { enabled: true } },
    enabledJWA: {
      idTokenSigningAlgValues: ["RS256", "PS256", "ES256", "Ed25519", "EdDSA"],
      userinfoSigningAlgValues: ["RS256", "ES256"],
    },
    claims: { openid: ["sub"], profile: ["name", "number"] },
    conformIdTokenClaims: true,
    findAccount: (_context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, number: id, name: "李文静" }),
    }),
    cookies: { keys: ["only-for-this-program"] },
  });
  server.on("request", provider.callback());
  console.log(`ready ${issuer}`);
});
