#!/usr/bin/env node
// A local chain that tells the contracts which mutant to be and hears from them where they are: `node chain.js PORT`.
//
// The instrumented contracts (schema.py) read call data at places where there can be none: the last bytes of 2^256. On
// any other chain such a read gives 0. Here one handler of ganache's interpreter is wrapped: a read at the n-th byte from
// the end is noted, and gives 1 if n was chosen. JSON-RPC by HTTP on PORT, and a line a request on the port it prints.
'use strict';
const http = require('http');
const net = require('net');
const path = require('path');
const readline = require('readline');

const JUMPI = 0x57, CALLDATALOAD = 0x35;
const LAST_BYTE = 2n ** 256n - 1n, FIRST_PLACE = LAST_BYTE - 0xffffffn;
const port = Number(process.argv[2]);
let chosen = -1n, seen = new Set();

function onCalldataload(original) {
  return function (runState, common) {
    const offset = runState.stack._store[runState.stack._store.length - 1];
    if (offset < FIRST_PLACE) return original(runState, common);
    runState.stack.pop();
    const number = LAST_BYTE - offset;
    seen.add(Number(number));
    runState.stack.push(number === chosen ? 1n : 0n);
  };
}

// The table of handlers is built when ganache is loaded, and found by what only it can hold.
let wrapped = 0;
const PlainMap = globalThis.Map;
globalThis.Map = class Map extends PlainMap {
  constructor(entries) {
    super(entries);
    const isHandlers = Array.isArray(entries) && entries.length > 50 && typeof this.get(JUMPI) === 'function';
    if (!isHandlers) return;
    wrapped += 1;
    this.set(CALLDATALOAD, onCalldataload(this.get(CALLDATALOAD)));
  }
};

const ganache = require(path.join(__dirname, '..', '..', 'node_modules', 'ganache'));
const provider = ganache.provider({
  chain: { hardfork: 'shanghai', chainId: 1337, allowUnlimitedContractSize: true, allowUnlimitedInitCodeSize: true },
  miner: { blockGasLimit: 60_000_000 },
  wallet: { mnemonic: 'brownie', totalAccounts: 20 },
  logging: { quiet: true },
});

function taken() {
  const result = [...seen];
  seen = new Set();
  return result;
}

async function answer({ id, method, params }) {
  const head = { jsonrpc: '2.0', id };
  if (method === 'audit_take') return { ...head, result: taken() };
  if (method === 'audit_choose') return { ...head, result: String(chosen = BigInt(params[0])) };
  try {
    const result = await provider.request({ method, params: params || [] });
    // Brownie asks after each test whether its contracts are still there: a word of half a million says so, too.
    return { ...head, result: method === 'eth_getCode' ? result.slice(0, 66) : result };
  } catch (error) {
    return { ...head, error: { code: error.code || -32000, message: error.message, data: error.data } };
  }
}

const web = http.createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', async () => {
    const body = JSON.stringify(await answer(JSON.parse(Buffer.concat(parts).toString())));
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
    response.end(body);
  });
});
web.keepAliveTimeout = 600_000;

const lines = net.createServer((socket) => {
  socket.setNoDelay(true);
  socket.on('error', () => {});
  readline.createInterface({ input: socket }).on('line', async (line) => {
    socket.write(JSON.stringify(await answer(JSON.parse(line))) + '\n');
  });
});

provider.request({ method: 'eth_chainId', params: [] }).then(() => {
  if (wrapped === 0) throw new Error('no table of handlers was found: is this another ganache?');
  web.listen(port, '127.0.0.1', () => {
    lines.listen(0, '127.0.0.1', () => console.log(`ready ${lines.address().port}`));
  });
}).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
process.stdin.on('end', () => process.exit(0)).resume(); // gone when its user is gone
