#!/usr/bin/env node
// A local chain that tells the contracts which mutant to be and hears from them where they are: `node chain.js PORT`.
//
// The instrumented contracts (schema.py) read call data at places where there can be none: the last bytes of 2^256. On
// any other chain such a read gives 0, and a copy of no bytes does nothing. Here two handlers of ganache's interpreter
// are wrapped: a read or a copy at the n-th byte from the end is noted, and the read gives 1 if n was chosen. JSON-RPC by
// HTTP on PORT, and a line a request on the port it prints.
'use strict';
const { serve, serveLines, fail } = require('../testchain.js');

const CALLDATALOAD = 0x35, CALLDATACOPY = 0x37;
const LAST_BYTE = 2n ** 256n - 1n, FIRST_PLACE = LAST_BYTE - 0xffffffn;
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

function onCalldatacopy(original) {
  return function (runState, common) {
    const offset = runState.stack._store[runState.stack._store.length - 2];
    if (offset >= FIRST_PLACE) seen.add(Number(LAST_BYTE - offset));
    return original(runState, common);
  };
}

function audit_take() {
  const result = [...seen];
  seen = new Set();
  return result;
}

function audit_choose(number) {
  chosen = BigInt(number);
  return number;
}

// Brownie asks after each test whether its contracts are still there: a word of half a million says so, too.
const change = (method, result) => (method === 'eth_getCode' ? result.slice(0, 66) : result);

const options = {
  chain: { hardfork: 'shanghai', chainId: 1337, allowUnlimitedContractSize: true, allowUnlimitedInitCodeSize: true },
  miner: { blockGasLimit: 60_000_000 },
  wallet: { mnemonic: 'brownie', totalAccounts: 20 },
};
const wrappers = [[CALLDATALOAD, onCalldataload], [CALLDATACOPY, onCalldatacopy]];
const hooks = { wrappers, methods: { audit_take, audit_choose }, change };

serve(Number(process.argv[2]), options, hooks).then((answer) => serveLines(0, answer))
  .then((port) => console.log(`ready ${port}`)).catch(fail);
process.stdin.on('end', () => process.exit(0)).resume(); // gone when its user is gone
