import { Document, isCollection, isNode, isPair, isScalar, LineCounter, parseDocument, visit } from 'yaml'
import type { Document as Parsed, DocumentOptions, SchemaOptions } from 'yaml'

import { LISTS, NUMBERS, type Flow, type Job } from './model'
import type { Path } from './problems'
import { Reader } from './read'

export interface LineError {
  /** From 1 on. */
  readonly line: number
  readonly message: string
}

export interface ReadYaml {
  /** Null where the text is no workflow's: then `errors` say why. */
  readonly flow: Flow | null
  readonly errors: readonly LineError[]
  /** The line at which a part of the document stands, or what it would be part of. */
  readonly lineOf: (path: Path) => number
}

/** YAML 1.1, as the command line reads it: to both `no` is false, and `010` is 8. */
const VERSION = { version: '1.1' } as const

/** The workflow in a text that anybody may have written. */
export function readYaml(text: string): ReadYaml {
  const lines = new LineCounter()
  const document = parseDocument(text, { ...VERSION, lineCounter: lines, prettyErrors: false })
  const lineOf = (path: Path) => lines.linePos(offsetOf(document, path)).line || 1
  const errors: LineError[] = document.errors.map((error) => ({ line: lines.linePos(error.pos[0]).line || 1, message: `This is not YAML: ${error.message}` }))
  if (errors.length > 0) return { flow: null, errors, lineOf }
  try {
    const reader = new Reader((path, message) => errors.push({ line: lineOf(path), message }))
    const flow = reader.flow(document.toJS())
    return { flow: errors.length > 0 ? null : flow, errors, lineOf }
  } catch (error) {
    // Aliases without end, or more of them than anybody means.
    return { flow: null, errors: [{ line: 1, message: `This cannot be read: ${(error as Error).message}.` }], lineOf }
  }
}

/** Where a part begins, by its key; of what is not there, where the whole of it is. */
function offsetOf(document: Parsed, path: Path): number {
  for (let length = path.length; length > 0; length -= 1) {
    const parent = document.getIn(path.slice(0, length - 1), true)
    const key = path[length - 1]!
    if (!isNode(parent) || !('items' in parent)) continue
    const item: unknown = typeof key === 'number' ? parent.items[key] : parent.items.find((one) => isPair(one) && isScalar(one.key) && one.key.value === key)
    const node = isPair(item) ? item.key : item
    if (isNode(node) && node.range) return node.range[0]
  }
  return document.contents?.range?.[0] ?? 0
}

/** Nothing that is written here merges: a text `<<` is that text. */
const WRITTEN: DocumentOptions & SchemaOptions = {
  ...VERSION,
  customTags: (tags) => tags.filter((one) => typeof one === 'string' || one.tag !== 'tag:yaml.org,2002:merge'),
}

/** Words that both versions of YAML take for texts, whoever reads them. */
const PLAIN = /^(?!(?:y|n|yes|no|on|off|true|false|null)$)[a-z][\w./-]*$/i
const ESCAPED = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g

/** The document of a workflow, which `hive workflow run` reads. What cannot be run is written as it is, too. */
export function writeYaml(flow: Flow): string {
  const document = new Document(documentOf(flow), WRITTEN)
  visit(document, {
    Scalar: (_, node) => {
      if (typeof node.value === 'string') node.type = PLAIN.test(node.value) ? 'PLAIN' : 'QUOTE_DOUBLE'
    },
  })
  flow.jobs.forEach((job, at) => {
    // A file, and a list of words, on one line each.
    for (const field of LISTS) flatten(document, ['jobs', at, field])
    job.takes.forEach((_, number) => flatten(document, ['jobs', at, 'takes', number]))
  })
  const text = document.toString({ lineWidth: 0, flowCollectionPadding: false })
  return text.replace(ESCAPED, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function flatten(document: Document, path: Path): void {
  const node = document.getIn(path, true)
  if (isCollection(node)) node.flow = true
}

/** What is said beside the defaults, in the order in which people read it. */
function documentOf(flow: Flow): object {
  return { ...said({ name: flow.name, cap: flow.cap }), jobs: flow.jobs.map(jobOf) }
}

function jobOf(job: Job): object {
  const numbers = NUMBERS.map((field) => [field, numberOf(job[field])] as const)
  const lists = Object.fromEntries(LISTS.map((field) => [field, job[field]]))
  const taken = job.takes.map(({ job: other, output, path, maxBytes }) => ({ job: other, output, path, ...said({ maxBytes: numberOf(maxBytes) }) }))
  return {
    name: job.name,
    program: job.program,
    ...said({ inputs: lists['inputs'], args: lists['args'], env: Object.fromEntries(job.env), takes: taken, after: lists['after'] }),
    maxPrice: job.maxPrice,
    ...said({ ...Object.fromEntries(numbers), verify: job.verify, regions: lists['regions'] }),
  }
}

/** A number where it is written as numbers are, else the text as it is. */
function numberOf(text: string): string | number {
  return String(Number(text)) === text && Number.isFinite(Number(text)) ? Number(text) : text
}

/** Fields with something in them. */
function said(fields: Record<string, unknown>): Record<string, unknown> {
  const isSaid = (value: unknown) => value !== '' && !(typeof value === 'object' && value !== null && Object.keys(value).length === 0)
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => isSaid(value)))
}
