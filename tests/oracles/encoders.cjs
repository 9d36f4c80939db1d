// Say what two encoders of others send for a slip, as hexadecimal.
const receiptline = require("receiptline");
const slip = "^^^LONDON BRIDGE\n\nCaf\u00e9 cr\u00e8me | 2.75\nMerino jumper, navy | 49.00\n---\n^TOTAL | ^51.75\n{code:LB1-00042; option:code128,2,72,hri}\n{code:https://example.org/r/42; option:qrcode,4,m}\n=\n";
const binary = receiptline.transform(slip, { cpl: 48, encoding: "multilingual", command: "escpos", cutting: true });
const said = { receiptline: Buffer.from(binary, "binary").toString("hex") };
const found = require("@point-of-sale/receipt-printer-encoder");
const Encoder = found.default ?? found;
const bytes = new Encoder({ language: "esc-pos", columns: 48 })
  .initialize().codepage("auto").bold(true).line("LONDON BRIDGE").bold(false)
  .line("Caf\u00e9 cr\u00e8me 2,75 \u20ac").rule()
  .table([{ width: 30, align: "left" }, { width: 16, align: "right" }], [["Merino jumper", "49.00"]])
  .align("center").barcode("LB1-00042", "code128", { height: 60, text: true })
  .qrcode("https://example.org/r/42", { model: 2, size: 6, errorlevel: "m" })
  .cut().encode();
said.encoder = Buffer.from(bytes).toString("hex");
console.log(JSON.stringify(said));
