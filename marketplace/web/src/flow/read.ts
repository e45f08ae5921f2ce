import { EMPTY, LISTS, newJob, NUMBERS, TEXTS, type Flow, type Job, type Taken } from './model'
import type { Path } from './problems'

/** Takes the parts of a document, whose shape it does not trust, and tells what is not as it should be. */
export class Reader {
  constructor(private readonly tell: (path: Path, message: string) => void) {}

  flow(value: unknown): Flow {
    const found = this.#object([], value, ['version', 'name', 'cap', 'jobs'])
    if (!found) return EMPTY
    if (![undefined, 1].includes(found['version'] as number)) this.tell(['version'], 'Expected 1.')
    const jobs = 'jobs' in found ? this.#list(['jobs'], found['jobs']) : []
    if (!('jobs' in found)) this.tell([], 'jobs is missing: a list of what is to be run.')
    return {
      name: this.#text(['name'], found['name']),
      cap: this.#number(['cap'], found['cap']),
      jobs: jobs.map((job, at) => this.#job(['jobs', at], job)),
    }
  }

  #job(path: Path, value: unknown): Job {
    const found = this.#object(path, value, [...TEXTS, ...NUMBERS, ...LISTS, 'env', 'takes'])
    if (!found) return newJob()
    const texts = TEXTS.map((field) => {
      const read = field === 'maxPrice' ? this.#number([...path, field], found[field]) : this.#text([...path, field], found[field], field === 'verify')
      return [field, read]
    })
    const numbers = NUMBERS.map((field) => [field, this.#number([...path, field], found[field], field === 'within')])
    const lists = LISTS.map((field) => {
      const items = found[field] === undefined ? [] : this.#list([...path, field], found[field])
      return [field, items.map((one, at) => this.#text([...path, field, at], one, false, true))]
    })
    const taken = found['takes'] === undefined ? [] : this.#list([...path, 'takes'], found['takes'])
    return {
      ...newJob(Object.fromEntries([...texts, ...numbers, ...lists]) as Partial<Job>),
      env: this.#env([...path, 'env'], found['env']),
      takes: taken.map((one, at) => this.#taken([...path, 'takes', at], one)),
    }
  }

  #taken(path: Path, value: unknown): Taken {
    const found = this.#object(path, value, ['job', 'output', 'path', 'maxBytes']) ?? {}
    const text = (field: string) => this.#text([...path, field], found[field])
    return { job: text('job'), output: text('output'), path: text('path'), maxBytes: this.#number([...path, 'maxBytes'], found['maxBytes']) }
  }

  #env(path: Path, value: unknown): Job['env'] {
    if (value === undefined) return []
    const found = this.#object(path, value, null)
    return Object.entries(found ?? {}).map(([name, one]) => [name, this.#text([...path, name], one, false, true)])
  }

  #object(path: Path, value: unknown, fields: readonly string[] | null): Record<string, unknown> | null {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Date) {
      this.tell(path, `Expected ${fields ? `fields such as ${fields.slice(0, 4).join(', ')}` : 'names with their values'}.`)
      return null
    }
    const found = value as Record<string, unknown>
    if (!fields) return found
    const named = Object.entries(found).map(([key, one]) => [camel(key), one] as const)
    for (const key of Object.keys(found)) {
      if (!fields.includes(camel(key))) this.tell([...path, key], `There is no field ${JSON.stringify(key)} here. There are: ${fields.join(', ')}.`)
    }
    return Object.fromEntries(named)
  }

  #list(path: Path, value: unknown): unknown[] {
    if (Array.isArray(value)) return value
    this.tell(path, 'Expected a list.')
    return []
  }

  #text(path: Path, value: unknown, isNullable = false, isNeeded = false): string {
    if (typeof value === 'string') return value
    if ((value === undefined && !isNeeded) || (isNullable && value === null)) return ''
    this.tell(path, typeof value === 'object' ? 'Expected a text.' : 'Expected a text: write it in quotes.')
    return ''
  }

  #number(path: Path, value: unknown, isNullable = path.length === 1): string {
    if (typeof value === 'string' || typeof value === 'number') return String(value)
    if (value === undefined || (isNullable && value === null)) return ''
    this.tell(path, 'Expected a number.')
    return ''
  }
}

/** The command line takes `max_price` for `maxPrice`. */
function camel(key: string): string {
  return key === 'max_price' ? 'maxPrice' : key === 'max_bytes' ? 'maxBytes' : key
}
