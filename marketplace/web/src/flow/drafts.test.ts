import { beforeEach, expect, test } from 'vitest'

import { anyFlow, randomOf } from './any'
import { listDrafts, loadDraft, newDraft, removeDraft, saveDraft } from './drafts'

beforeEach(() => localStorage.clear())

test('a draft is there at the next visit as it was, whatever is wrong with it', () => {
  for (let seed = 0; seed < 20; seed += 1) {
    const flow = anyFlow(randomOf(seed), true)
    const id = newDraft(flow)!
    expect(loadDraft(id)?.flow).toEqual(flow)
    removeDraft(id)
    expect(loadDraft(id)).toBeNull()
  }
})

test('drafts are listed newest first, beside what is none', () => {
  const flow = anyFlow(randomOf(1), false)
  saveDraft('old', flow, 1)
  saveDraft('new', flow, 2)
  localStorage.setItem('computehive.flow.bad', '{')
  localStorage.setItem('computehive.flow.worse', '{"yaml": 7}')
  localStorage.setItem('computehive.settings', '{}')
  expect(listDrafts().map((one) => one.id)).toEqual(['new', 'old'])
  expect(listDrafts()).toHaveLength(2)
})

test.each(['', '../settings', '0xZ', 'a b'])('%j names no draft', (id) => expect(loadDraft(id)).toBeNull())

test('a browser without room says so', () => {
  const full = { setItem: () => { throw new DOMException('full', 'QuotaExceededError') } } as unknown as Storage
  expect(saveDraft('a', anyFlow(randomOf(1), false), 1, full)).toBe(false)
})
