// oidc-provider (a certified OpenID provider) on loopback: `node openid_provider.mjs CALLBACK` with the package
// named by OIDC_PROVIDER, the path of its main file. Prints `ready <issuer>`. Its own pages ask for any name.
import { createServer } from "node:http";

const { Provider } = await import(process.env.OIDC_PROVIDER);
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
      },
    ],
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
