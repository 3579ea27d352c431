// A finance office on the Node package soap, whose main file SOAP_PACKAGE names. Arguments: the SOAP version, the token.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";

const soap = createRequire(import.meta.url)(process.env.SOAP_PACKAGE);
const [version, token] = process.argv.slice(2);
const wsdl = readFileSync(new URL("finance.wsdl", import.meta.url), "utf8").replace(
  "SOAP_VERSION",
  version === "1.2" ? "soap12" : "soap",
);
const charge = (project, amount) => ({ project, amount, deferred: "0.00", reduced: "0.00", loan: "0.00", status: "欠费" });
// The last two are the canary students of the demo.
const owed = {
  TS23000002: [],
  TS23000003: [charge("学费 <2025> & 住宿费", "12.50")],
  TS23000008: [charge("学费", "500.00"), charge("住宿费", "300.00")],
  TS00000001: [],
  TS00000002: [charge("学费", "1.00")],
};

function fault(code, text) {
  const told = version === "1.2" ? { Code: { Value: code }, Reason: { Text: text } } : { faultcode: code, faultstring: text };
  return { Fault: { ...told, statusCode: 500 } };
}

function getArrears({ number, token: given }) {
  if (given !== token) throw fault("soap:Client", "denied");
  if (!(number in owed)) throw fault("soap:Server", "no such student");
  return { code: 0, number, total: owed[number].length, rows: { row: owed[number] } };
}

const server = createServer((_request, response) => response.writeHead(404).end());
soap.listen(server, {
  path: "/finance",
  services: { FinanceService: { FinancePort: { getArrears } } },
  xml: wsdl,
  forceSoap12Headers: version === "1.2",
});
server.listen(0, "127.0.0.1", () => console.log(`ready http://127.0.0.1:${server.address().port}`));
