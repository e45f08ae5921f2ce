#!/usr/bin/env node
// solc-js that stays loaded: a standard-JSON input a line in, its answer a line out. Imports are read from disk.
'use strict';
const fs = require('fs');
const path = require('path');
const readline = require('readline');

const root = path.resolve(__dirname, '..', '..');
const solc = require(path.join(root, 'node_modules', 'solc'));

function readImport(name) {
  const found = [path.join(root, name), path.join(root, 'node_modules', name)].find((file) => fs.existsSync(file));
  return found ? { contents: fs.readFileSync(found, 'utf8') } : { error: `File not found: ${name}` };
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  process.stdout.write(solc.compile(line, { import: readImport }).replace(/\n/g, ' ') + '\n');
}).on('close', () => process.exit(0));
