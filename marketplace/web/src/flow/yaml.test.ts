import { describe, expect, test } from 'vitest'

import { anyFlow, randomOf } from './any'
import { problemsOf } from './problems'
import { TEMPLATES } from './templates'
import { readYaml, writeYaml } from './yaml'

test('every workflow, whatever stands in it, is read as what it was written from', () => {
  for (let seed = 1; seed <= 100; seed += 1) {
    const flow = anyFlow(randomOf(seed), seed % 3 > 0)
    const read = readYaml(writeYaml(flow))
    expect(read.errors).toEqual([])
    expect(read.flow).toEqual(flow)
  }
})

test.each(TEMPLATES)('nothing is wrong with the template $id', ({ flow }) => {
  expect(problemsOf(flow)).toEqual([])
})

test('a file is one line, as people write it', () => {
  expect(writeYaml(TEMPLATES[0]!.flow)).toContain('      - {job: split, output: out/a.txt, path: part.txt}\n')
})

describe('what is no workflow is told with its line', () => {
  test.each([
    ['jobs:\n  - name: [a\n', 3, 'not YAML'],
    ['jobs:\n  - name: a\n    name: b\n', 3, 'not YAML'],
    ['name: x\n', 1, 'jobs is missing'],
    ['- a\n', 1, 'Expected fields such as'],
    ['', 1, 'Expected fields such as'],
    ['version: 2\njobs: []\n', 1, 'Expected 1'],
    ['jobs:\n  - name: a\n    colour: red\n', 3, 'no field "colour"'],
    ['jobs:\n  - name: a\n    args: [x, 1]\n', 3, 'in quotes'],
    ['jobs:\n  - name: a\n    after: b\n', 3, 'Expected a list'],
    ['jobs:\n  - name: a\n    vcpus:\n      - 1\n', 3, 'Expected a number'],
    ['jobs:\n  - name: a\n    vcpus: yes\n', 3, 'Expected a number'],
    ['jobs:\n  - name: no\n', 2, 'in quotes'],
    ['jobs:\n  - a\n', 2, 'Expected fields such as'],
    ['jobs:\n  - name: a\n    env: {A: 1}\n', 3, 'in quotes'],
    ['jobs: &a\n  - name: a\n    takes: *a\n', 3, 'no field "name"'],
  ])('%j: line %i', (text, line, message) => {
    const read = readYaml(text)
    expect(read.flow).toBeNull()
    expect(read.errors.map((one) => one.line)).toContain(line)
    expect(read.errors.map((one) => one.message).join()).toContain(message)
  })

  test('aliases that would fill the memory are refused', () => {
    const level = (at: number) => `${'bcdefghij'[at]}: &${'bcdefghij'[at]} [${Array(9).fill(`*${'abcdefghi'[at]}`).join(', ')}]`
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]', ...Array.from({ length: 9 }, (_, at) => level(at))]
    expect(readYaml(bomb.join('\n')).flow).toBeNull()
  })
})

test('every problem has the line at which it stands, else that of its job', () => {
  const first = 'jobs:\n  - name: a\n    program: a.py\n    maxPrice: 1\n    vcpus: 0\n'
  const text = `${first}  - name: b\n    program: b.py\n    takes:\n      - {job: c, output: x, path: a}\n`
  const { flow, lineOf } = readYaml(text)
  expect(problemsOf(flow!).map(({ path }) => [path.slice(2).join('.'), lineOf(path)])).toEqual([
    ['vcpus', 5],
    ['maxPrice', 6],
    ['takes.0.job', 9],
    ['takes.0.output', 9],
  ])
})
