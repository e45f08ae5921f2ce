/** Workflows at random, of a seed: what tests hold their laws against. */
import { NUMBERS, newJob, type Flow, type Job } from './model'

/** Uniform numbers in [0, 1) (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const HOSTILE = [
  'yes', 'No', 'null', '~', 'true', '010', '1:30', '1_000', '.5', '1e3', '0x1F', '2026-11-22', // other types, unquoted
  '=', '<<', '*a', '&a', '!!str x', '- a', 'a: b', 'a #b', '%TAG', '@', '`', "it's", '"', '\\', '\\n', '{a}', '[a]', 'a,b', '---', '...',
  '\n', ' a ', '\ttab', '', '\u0000', '\u001b[31m', '\u007f', '\u0085', '\u2028', '\ufeff', '😀', 'é', 'line\nline', 'x'.repeat(200),
  '<script>alert(1)</script>', '$(rm -rf /)', 'https://example.org/?a=1#b', '__proto__', 'constructor',
]

/** Any texts anywhere where `isHostile`; else workflows that can be run, without circles. */
export function anyFlow(random: () => number, isHostile: boolean): Flow {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!
  const some = <T>(most: number, one: (at: number) => T): T[] => Array.from({ length: Math.floor(random() * (most + 1)) }, (_, at) => one(at))
  const text = (usual: string): string => (isHostile && random() < 0.5 ? pick(HOSTILE) : usual)
  const number = (usual: number): string => (random() < 0.5 ? '' : text(String(usual)))
  const jobs: Job[] = []
  for (let at = 0, count = 1 + Math.floor(random() * 6); at < count; at += 1) {
    const before = jobs.map((job) => job.name)
    const needs = before.length > 0 ? [...new Set(some(3, () => pick(before)))] : []
    const cut = Math.floor(random() * (needs.length + 1))
    jobs.push(
      newJob({
        name: text(`job-${at}`),
        program: text(pick(['job.py', 'dir/tool.WASM', 'a b.js'])),
        maxPrice: text(pick(['0.10', '1', '2.5', '0.000001', '1e-3', '12345678901.123456'])),
        verify: text(pick(['', 'accept', 'reexecute', 'replicate'])),
        inputs: some(2, () => text('in put.txt')),
        args: some(3, () => (random() < 0.7 ? pick(HOSTILE.filter((one) => one.length < 100)) : '-v')),
        regions: some(2, () => text('eu')),
        env: [...new Map(some(2, (of) => [text(`NAME_${of}`), text('value')] as const))],
        after: needs.slice(cut),
        takes: needs.slice(0, cut).map((job, of) => ({ job: text(job), output: text(`out/${of}.txt`), path: text(`${of}/a b.txt`), maxBytes: number(5) })),
        ...Object.fromEntries(NUMBERS.map((field) => [field, number({ retries: 2, within: 3000, fuel: 12.5 }[field as string] ?? 3)])),
      }),
    )
  }
  return { name: text('words and more'), cap: random() < 0.5 ? '' : text('900000000000'), jobs }
}
