#!/usr/bin/env node
// A local chain for contract tests: `node testchain.js PORT LINES_PORT CHAIN_ID MNEMONIC ACCOUNTS`. ganache behind JSON-RPC
// by HTTP and, on a port of its own, a request a line: a tenth of what HTTP costs a client. It differs from ganache in two
// things: debug_traceTransaction of a transaction that reverted has what it reverted with, and no steps; and there is
// hive_setChainId, for tests of what is signed when a chain splits.
//
// Brownie asks for that trace whenever a call reverts, for the reason: all steps with all memory, half the time that tests
// of refusals take. ganache's answers have no other place for a custom error.
'use strict';
const http = require('http');
const net = require('net');
const path = require('path');
const readline = require('readline');

const JUMPI = 0x57, REVERT = 0xfd, CHAINID = 0x46;
const SENDS = ['eth_sendTransaction', 'eth_sendRawTransaction'];
const MOST_REASONS = 1000;
let revertedWith = '0x', splitTo = null;
const reasons = new Map();

// What the outermost call reverts with; an inner one's reason counts when it is passed on.
function onRevert(original) {
  return function (runState, common) {
    const stack = runState.stack._store;
    const [length, offset] = stack.slice(-2).map(Number);
    if (runState.env.depth === 0) {
      revertedWith = length === 0 ? '0x' : '0x' + Buffer.from(runState.memory.read(offset, length)).toString('hex');
    }
    return original(runState, common);
  };
}

// hive_setChainId: what contracts see as the chain's id from now on, as if the chain had split; null for its own.
function onChainId(original) {
  return function (runState, common) {
    original(runState, common);
    if (splitTo === null) return;
    runState.stack.pop();
    runState.stack.push(splitTo);
  };
}

function hive_setChainId(id) {
  splitTo = id === null ? null : BigInt(id);
  return true;
}

// `wrappers`: for an opcode's number, a function from its handler to another one. ganache's table of handlers is built
// when it is loaded, and found by what only it can hold.
function loadGanache(wrappers) {
  let found = false;
  const PlainMap = globalThis.Map;
  globalThis.Map = class Map extends PlainMap {
    constructor(entries) {
      super(entries);
      const isHandlers = Array.isArray(entries) && entries.length > 50 && typeof this.get(JUMPI) === 'function';
      if (!isHandlers) return;
      found = true;
      for (const [opcode, wrap] of wrappers) this.set(opcode, wrap(this.get(opcode)));
    }
  };
  const ganache = require(path.join(__dirname, '..', 'node_modules', 'ganache'));
  return { ganache, wasFound: () => found };
}

// Starts the chain. `options` are ganache's; `wrappers` as above, more of them; `methods` are requests answered by these
// functions of their parameters; `change` gets each result with its method. Resolves to a function from a request's text to
// that of its answer.
async function serve(port, options, { wrappers = [], methods = {}, change = (method, result) => result } = {}) {
  const { ganache, wasFound } = loadGanache([[REVERT, onRevert], [CHAINID, onChainId], ...wrappers]);
  const own = { hive_setChainId, ...methods };
  const provider = ganache.provider({ logging: { quiet: true }, ...options });

  async function resultOf(method, params) {
    if (method in own) return own[method](...params);
    if (method === 'debug_traceTransaction' && reasons.has(params[0])) {
      const { status } = await provider.request({ method: 'eth_getTransactionReceipt', params: [params[0]] });
      if (status === '0x0') return { gas: 0, failed: true, returnValue: reasons.get(params[0]), structLogs: [] };
    }
    if (!SENDS.includes(method)) return change(method, await provider.request({ method, params }));
    revertedWith = '0x';
    const hash = await provider.request({ method, params });
    reasons.set(hash, revertedWith);
    if (reasons.size > MOST_REASONS) reasons.delete(reasons.keys().next().value);
    return hash;
  }

  async function answerOne({ id, method, params = [] }) {
    const head = { jsonrpc: '2.0', id };
    try {
      return { ...head, result: await resultOf(method, params) };
    } catch (error) {
      return { ...head, error: { code: error.code || -32000, message: error.message, data: error.data } };
    }
  }

  // One request after the other, whoever asks: which transaction reverted last is known of the chain, not of a request.
  let turn = Promise.resolve();
  function answer(text) {
    turn = turn.then(async () => {
      const request = JSON.parse(text);
      if (!Array.isArray(request)) return JSON.stringify(await answerOne(request));
      const answers = [];
      for (const each of request) answers.push(await answerOne(each));
      return JSON.stringify(answers);
    }).catch((error) => JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32700, message: error.message } }));
    return turn;
  }

  await provider.request({ method: 'eth_chainId', params: [] });
  if (!wasFound()) throw new Error('no table of handlers was found: is this another ganache?');
  const web = http.createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', async () => {
      const body = await answer(Buffer.concat(parts).toString());
      response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
      response.end(body);
    });
  });
  web.keepAliveTimeout = 600_000;
  await listening(web, port);
  return answer;
}

// Resolves to the port; rejects where it is taken.
function listening(server, port) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server.address().port));
  });
}

// Answers a request a line; resolves to the port, for which 0 leaves the choice.
function serveLines(port, answer) {
  const server = net.createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('error', () => {});
    readline.createInterface({ input: socket }).on('line', async (line) => {
      socket.write((await answer(line)) + '\n');
    });
  });
  return listening(server, port);
}

function fail(error) {
  console.error(error.message);
  process.exit(1);
}

module.exports = { serve, serveLines, fail };

if (require.main === module) {
  const [port, linesPort, chainId, mnemonic, accounts] = process.argv.slice(2);
  const chain = { hardfork: 'shanghai', chainId: Number(chainId) };
  serve(Number(port), { chain, wallet: { mnemonic, totalAccounts: Number(accounts) } })
    .then((answer) => serveLines(Number(linesPort), answer)).catch(fail);
}
