import { newJob, type Flow, type Job } from './model'

export interface Template {
  readonly id: string
  readonly title: string
  readonly about: string
  readonly flow: Flow
}

function script(name: string, more: Partial<Job> = {}): Job {
  return newJob({ name, program: `${name}.py`, maxPrice: '0.10', ...more })
}

function file(job: string, output: string, path: string): Partial<Job>['takes'] {
  return [{ job, output, path, maxBytes: '' }]
}

const count = (name: string, part: string) => script(name, { program: 'count.py', takes: file('split', `out/${part}.txt`, 'part.txt') ?? [], retries: '1' })

/** What most workflows are, to begin with. */
export const TEMPLATES: readonly Template[] = [
  {
    id: 'map-reduce',
    title: 'Map and reduce',
    about: 'One job cuts the input into parts, others work on them at the same time, one joins what they found.',
    flow: {
      name: 'words',
      cap: '0.40',
      jobs: [
        script('split', { inputs: ['book.txt'] }),
        count('count-a', 'a'),
        count('count-b', 'b'),
        script('join', { takes: [...file('count-a', 'out/count.txt', 'a.txt')!, ...file('count-b', 'out/count.txt', 'b.txt')!] }),
      ],
    },
  },
  {
    id: 'chain',
    title: 'A chain',
    about: 'Each job takes a file that the one before it made.',
    flow: {
      name: 'report',
      cap: '0.30',
      jobs: [
        script('clean', { inputs: ['data.csv'] }),
        script('analyse', { takes: file('clean', 'out/clean.csv', 'data.csv')! }),
        script('report', { takes: file('analyse', 'out/result.json', 'result.json')! }),
      ],
    },
  },
  {
    id: 'retry',
    title: 'Retries',
    about: 'A long job that is tried again, at no cost for what failed, before anything builds on it.',
    flow: {
      name: 'simulation',
      cap: '0.60',
      jobs: [
        script('simulate', { maxPrice: '0.50', seconds: '1800', fuel: '500', retries: '2' }),
        script('plot', { takes: file('simulate', 'out/states.csv', 'states.csv')! }),
      ],
    },
  },
]
