// Counts words: hive run examples/wordcount.js --input examples/data/gettysburg.txt -a gettysburg.txt
//
// Reads the text file named as its argument, writes words.json (every word with its count, most frequent first) and
// prints the ten most frequent as a bar chart. Runs on QuickJS with its `std` and `os` modules.

const SHOWN = 10;
const BAR_WIDTH = 40;

function countWords(text) {
  const counts = new Map();
  for (const word of text.toLowerCase().match(/\p{L}+(?:['’-]\p{L}+)*/gu) ?? []) {
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
}

function writeFile(path, text) {
  const file = std.open(path, "w");
  if (file === null) throw new Error(`cannot write ${path}`);
  file.puts(text);
  file.close();
}

const [, path] = scriptArgs;
const text = path === undefined ? null : std.loadFile(path);
if (text === null) {
  std.err.puts(path === undefined ? "usage: wordcount.js file.txt\n" : `wordcount: cannot read ${path}\n`);
  std.exit(1);
}

const ranking = countWords(text);
const total = ranking.reduce((sum, [, count]) => sum + count, 0);
writeFile("words.json", JSON.stringify(Object.fromEntries(ranking), null, 2) + "\n");

console.log(`${total} words, ${ranking.length} different`);
for (const [word, count] of ranking.slice(0, SHOWN)) {
  const bar = "#".repeat(Math.max(1, Math.round((BAR_WIDTH * count) / ranking[0][1])));
  console.log(`${word.padStart(12)} ${String(count).padStart(3)} ${bar}`);
}
