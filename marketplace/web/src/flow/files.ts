import { kindOf, programOf } from '../orders/programs'
import { buildSpec, type Blob256 } from '../orders/spec'
import type { Ready } from './bids'
import type { Flow, Job } from './model'

/** What a path of the document is called among files that a browser was given: it sees no folders. */
export function fileName(path: string): string {
  return path.split('/').at(-1)!
}

/** The files that a workflow's programs and inputs are in, each once, in the order of the document. */
export function filesOf(flow: Flow): string[] {
  return [...new Set(flow.jobs.flatMap((job) => [...(isImage(job.program) ? [] : [job.program]), ...job.inputs]))]
}

/** Why these files cannot be told apart, or a program cannot be placed here; null where all is well. */
export function problemOfFiles(flow: Flow): string | null {
  const image = flow.jobs.find((job) => isImage(job.program))
  if (image) return `${image.name} runs an image of a registry: place it by hive workflow run.`
  const paths = filesOf(flow)
  const twice = paths.find((path, at) => paths.some((other, before) => before < at && fileName(other) === fileName(path)))
  return twice ? `Two different files are called ${fileName(twice)}: a browser cannot tell them apart. Rename one.` : null
}

function isImage(program: string): boolean {
  return program.includes('@sha256:')
}

/** Each job with its files, by its name. `given` are files by their names, of which none is missing. Throws an Error that names the job. */
export function readyJobs(flow: Flow, given: ReadonlyMap<string, Blob256>, runtimes: Readonly<Record<string, string>>): Map<string, Ready> {
  return new Map(flow.jobs.map((job) => [job.name, readyOf(job, given, runtimes)]))
}

function readyOf(job: Job, given: ReadonlyMap<string, Blob256>, runtimes: Readonly<Record<string, string>>): Ready {
  try {
    const program = programOf(kindOf(job.program), given.get(fileName(job.program))!, runtimes)
    const inputs = job.inputs.map((path) => given.get(fileName(path))!)
    const specAt: Ready['specAt'] = (workflow) =>
      buildSpec(program, inputs, job.args, { regions: job.regions, gpuModels: [] }, { name: job.name, env: Object.fromEntries(job.env), workflow })
    return { files: [program.file, ...inputs], specAt }
  } catch (thrown) {
    throw new Error(`${job.name}: ${(thrown as Error).message}`, { cause: thrown })
  }
}
