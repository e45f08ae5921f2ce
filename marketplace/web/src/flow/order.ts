import { needsOf, type Flow, type Job } from './model'

/** The jobs of a circle, from one of them back to it, each before one that it needs; null where there is none. */
export function findCircle(jobs: readonly Job[]): string[] | null {
  const stuck = new Map(jobs.map((job) => [job.name, needsOf(job)]))
  let ready: string[] = []
  do {
    ready = [...stuck].filter(([, needs]) => !needs.some((one) => stuck.has(one))).map(([name]) => name)
    for (const name of ready) stuck.delete(name)
  } while (ready.length > 0)
  const [first] = stuck.keys()
  if (first === undefined) return null
  const path = [first]
  for (;;) {
    const next = stuck.get(path.at(-1)!)!.find((one) => stuck.has(one))!
    if (path.includes(next)) return [...path.slice(path.indexOf(next)), next]
    path.push(next)
  }
}

/** Jobs that this one could need without a circle, those first that it does not need yet. */
export function othersFor(flow: Flow, index: number): string[] {
  const own = flow.jobs[index]!
  const byName = new Map(flow.jobs.map((job) => [job.name, job]))
  const after = new Set([own.name])
  for (let size = 0; size !== after.size; ) {
    size = after.size
    for (const job of byName.values()) if (needsOf(job).some((one) => after.has(one))) after.add(job.name)
  }
  const free = [...byName.keys()].filter((name) => !after.has(name))
  const needed = needsOf(own)
  return [...free.filter((name) => !needed.includes(name)), ...free.filter((name) => needed.includes(name))]
}

/** One job and its needs, as graphs see it. */
export interface Vertex {
  readonly name: string
  readonly needs: readonly string[]
}

/** In which column each job stands: after all that it needs. Needs that close a circle, or name nobody, count for nothing. */
export function columnsOf(vertices: readonly Vertex[]): Map<string, number> {
  const needs = new Map(vertices.map((one) => [one.name, one.needs]))
  const columns = new Map<string, number>()
  const open = new Set<string>()
  const columnOf = (name: string): number => {
    const known = columns.get(name)
    if (known !== undefined) return known
    open.add(name)
    const before = (needs.get(name) ?? []).filter((one) => needs.has(one) && !open.has(one)).map(columnOf)
    open.delete(name)
    const column = Math.max(-1, ...before) + 1
    columns.set(name, column)
    return column
  }
  for (const { name } of vertices) columnOf(name)
  return columns
}

export interface Place {
  readonly x: number
  readonly y: number
}

export const NODE = { width: 190, height: 78 }
const STEP = { x: NODE.width + 110, y: NODE.height + 26 }

/** Where each job is drawn: columns from left to right, each near the middle of what it needs, none on another. */
export function placesOf(vertices: readonly Vertex[]): Map<string, Place> {
  const columns = columnsOf(vertices)
  const names = [...columns.keys()]
  const needs = new Map(vertices.map((one) => [one.name, one.needs]))
  const rows = new Map<string, number>()
  for (let column = 0; names.some((name) => columns.get(name) === column); column += 1) {
    const inIt = names.filter((name) => columns.get(name) === column)
    const wish = new Map(inIt.map((name) => [name, meanOf(needs.get(name)!.flatMap((one) => rows.get(one) ?? []))]))
    inIt.sort((one, other) => wish.get(one)! - wish.get(other)!)
    const middle = meanOf(inIt.map((name) => wish.get(name)!))
    inIt.forEach((name, at) => rows.set(name, middle + at - (inIt.length - 1) / 2))
  }
  return new Map(names.map((name) => [name, { x: columns.get(name)! * STEP.x, y: rows.get(name)! * STEP.y }]))
}

function meanOf(numbers: readonly number[]): number {
  return numbers.length === 0 ? 0 : numbers.reduce((total, one) => total + one, 0) / numbers.length
}
