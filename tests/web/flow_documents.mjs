// The Flow page's own reader and writer of documents, for a test in Python: how many workflows at random, and texts to
// read, come as JSON; what was written, and what was found, go back as JSON.
import { createRequire } from 'node:module'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'

const { runnerImport } = await import(pathToFileURL(createRequire(`${process.cwd()}/`).resolve('vite')).href)
const load = async (name) => (await runnerImport(`${process.cwd()}/src/flow/${name}.ts`)).module
const [{ anyFlow, randomOf }, { LIMITS }, { problemsOf }, { TEMPLATES }, { readYaml, writeYaml }] = await Promise.all(['any', 'numbers', 'problems', 'templates', 'yaml'].map(load))
const asked = JSON.parse(await text(process.stdin))

function found(source) {
  const { flow, errors } = readYaml(source)
  if (!flow) return { problems: errors.map(({ line, message }) => `line ${line}: ${message}`) }
  return { problems: problemsOf(flow).map(({ path, message }) => `${path.join('.')}: ${message}`), yaml: writeYaml(flow) }
}

const flows = [...TEMPLATES.map(({ flow }) => flow), ...Array.from({ length: asked.count }, (_, seed) => anyFlow(randomOf(seed), seed % 2 === 1))]
const written = flows.map((flow) => ({ flow, yaml: writeYaml(flow), problems: problemsOf(flow) }))
process.stdout.write(JSON.stringify({ written, found: asked.texts.map(found), limits: LIMITS }), () => process.exit(0))
