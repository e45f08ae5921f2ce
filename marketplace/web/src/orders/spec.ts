import { bytesToHex, sha256, type Hex } from 'viem'

import type { components } from '../generated/api'
import { jsonDigest } from '../protocol/canonical'

export type JobSpec = components['schemas']['JobSpec']

/** What this page makes jobs of: a script of a ready-made runtime, a wasm module, or an image as `docker save` writes it. */
export type ProgramKind = 'script' | 'module' | 'container'

/** A file and its content digest. */
export interface Blob256 {
  readonly path: string
  readonly digest: Hex
  readonly bytes: Uint8Array
}

export interface Program {
  readonly kind: ProgramKind
  /** Of a script alone: the runtime's name, and its digest as the market publishes it. */
  readonly runtime?: { readonly name: string; readonly digest: string }
  readonly file: Blob256
}

export interface Needs {
  readonly regions: readonly string[]
  readonly gpuModels: readonly string[]
}

/** Beyond what Deploy asks for: a name other than the program's, variables, a place in a workflow. */
export interface More {
  readonly name?: string
  readonly env?: Readonly<Record<string, string>>
  readonly workflow?: JobSpec['workflow']
}

const MAX_NAME = 120
const MAX_PATH = 512
/** 2020-01-01T00:00:00Z: the time that a deterministic job sees at its start. */
const CLOCK = 1_577_836_800
const ZERO_SEED = `0x${'00'.repeat(32)}`

/** SHA-256, as `0x` and 64 lower-case digits. By the browser where it has it: on pages from another machine without TLS it has not. */
export async function digestOf(bytes: Uint8Array): Promise<Hex> {
  if (!globalThis.crypto?.subtle) return sha256(bytes)
  return bytesToHex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)))
}

/** `Bid.jobDigest`. */
export function jobDigest(spec: JobSpec): Hex {
  return jsonDigest(spec)
}

/** The job, every field written out: equal jobs have equal digests. Throws an Error that says which file is wrong. */
export function buildSpec(program: Program, inputs: readonly Blob256[], args: readonly string[], needs: Needs, more: More = {}): JobSpec {
  const files = program.kind === 'script' ? [program.file, ...inputs] : inputs
  for (const file of files) requirePath(file.path)
  const paths = [...files.map(({ path }) => path), ...(more.workflow?.needs ?? []).flatMap((need) => need.files ?? []).map(({ path }) => path)]
  const twice = paths.find((path, index) => paths.indexOf(path) !== index)
  if (twice !== undefined) throw new Error(`Two files are called ${twice}. Rename one.`)
  const folder = paths.find((path) => paths.some((other) => other.startsWith(`${path}/`)))
  if (folder !== undefined) throw new Error(`${folder} is a file, and the folder of another. Rename one.`)
  return {
    version: 1,
    name: [...(more.name ?? program.file.path)].slice(0, MAX_NAME).join(''),
    sandbox: program.kind === 'container' ? 'docker' : 'wasm',
    program: programOf(program),
    args: [...args],
    env: { ...more.env },
    inputs: files.map(({ path, digest, bytes }) => ({ path, digest, size: bytes.length })),
    requirements: {
      regions: [...needs.regions],
      architectures: [],
      cpuFeatures: [],
      gpuModels: [...needs.gpuModels],
      minGpuMemoryMb: 0,
      minDiskMb: 0,
      minSettledLeases: 0,
      maxCarbonGramsPerKwh: null,
      privacyZones: [],
      tees: [],
      mig: false,
      zones: [],
      racks: [],
      maxLatency: [],
    },
    preferences: { carbonPricePerKg: 0, latency: [], locality: [], data: [] },
    determinism: { clock: CLOCK, seed: ZERO_SEED },
    schedule: { notBefore: 0, preemptionNoticeSeconds: null },
    checkpoint: null,
    tee: null,
    privacy: null,
    audit: null,
    ...(more.workflow ? { workflow: more.workflow } : {}),
  }
}

function programOf({ kind, runtime, file }: Program): JobSpec['program'] {
  if (kind === 'script') return { kind: 'runtime', name: runtime!.name, digest: runtime!.digest, script: file.path }
  return { kind, digest: file.digest, size: file.bytes.length }
}

function requirePath(path: string): void {
  const isBad = path.split('/').some((part) => part === '' || part === '.' || part === '..') || /[\\\0]/.test(path)
  if (isBad || path.length > MAX_PATH) throw new Error(`${path} cannot be the name of a job's file. Rename it.`)
}
