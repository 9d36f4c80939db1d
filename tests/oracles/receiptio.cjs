// Print a slip with receiptio, whose port is fixed, to the port given; say what it says. Its waits are a tenth as long.
const net = require("net");
const port = Number(process.argv[2]);
const connect = net.connect;
net.connect = (given, ...rest) => connect.call(net, given === 9100 ? port : given, ...rest);
const wait = global.setTimeout;
global.setTimeout = (act, ms, ...rest) => wait(act, ms / 10, ...rest);
const receiptio = require("receiptio");
const slip = "^^^LONDON BRIDGE\n\nMerino jumper, navy | 49.00\n---\n^TOTAL | ^49.00\n{code:LB1-00042; option:code128,2,72,hri}\n";
receiptio.print(slip, "-d 127.0.0.1 -p generic -t 20").then((result) => { console.log(result); process.exit(0); });
