#!/usr/bin/env node
// solc-js behind the command line that py-solc-x and Brownie expect of a native compiler:
// `--version`, and `--standard-json` on stdin. Imports are read from disk, as the native compiler does.
'use strict';
const fs = require('fs');
const path = require('path');

const root = path.resolve(__dirname, '..');
const solc = require(path.join(root, 'node_modules', 'solc'));

if (process.argv.includes('--version')) {
  const [number, commit] = solc.version().split('+');
  console.log('solc, the solidity compiler commandline interface');
  console.log(`Version: ${number}+${commit.replace('.Emscripten.clang', '')}.Linux.g++`);
  process.exit(0);
}

function readImport(name) {
  const candidates = [name, path.join(root, name), path.join(root, 'node_modules', name)];
  const found = candidates.find((file) => fs.existsSync(file));
  return found ? { contents: fs.readFileSync(found, 'utf8') } : { error: `File not found: ${name}` };
}

process.stdout.write(solc.compile(fs.readFileSync(0, 'utf8'), { import: readImport }));
