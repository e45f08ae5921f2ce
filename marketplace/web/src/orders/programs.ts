import { digestOf, type Blob256, type Program, type ProgramKind } from './spec'

const RUNTIME_OF: Readonly<Record<string, string>> = { py: 'python', js: 'javascript', mjs: 'javascript' }

/** What a file is by its name, as `hive run` takes it. */
export function kindOf(path: string): ProgramKind {
  const suffix = path.split('.').at(-1)!.toLowerCase()
  if (suffix === 'wasm') return 'module'
  return suffix === 'tar' ? 'container' : 'script'
}

/** Files with their digests. Throws an Error for one that the market would not take. */
export async function readFiles(files: readonly File[], maxBytes: number): Promise<Blob256[]> {
  const large = files.find((file) => file.size > maxBytes)
  if (large) throw new Error(`${large.name} has ${large.size.toLocaleString('en')} bytes; this market takes ${maxBytes.toLocaleString('en')} at most.`)
  return Promise.all(
    files.map(async (file) => {
      const bytes = new Uint8Array(await file.arrayBuffer())
      return { path: file.name, digest: await digestOf(bytes), bytes }
    }),
  )
}

/** The program in a file. Throws an Error that says what is wrong with it. */
export function programOf(kind: ProgramKind, file: Blob256, runtimes: Readonly<Record<string, string>>): Program {
  if (kind === 'module' && String(file.bytes.slice(0, 4)) !== '0,97,115,109') {
    throw new Error(`${file.path} is no WebAssembly module: it does not begin with \\0asm. Compile it for wasm32-wasi.`)
  }
  if (kind !== 'script') return { kind, file }
  const name = RUNTIME_OF[file.path.split('.').at(-1)!.toLowerCase()]
  const digest = name ? runtimes[name] : undefined
  if (!name || !digest) throw new Error(`No machine of this market runs ${file.path}. They run: ${Object.keys(runtimes).join(', ') || 'no scripts now'}.`)
  return { kind, runtime: { name, digest }, file }
}
