import { expect, test } from 'vitest'

import { answerOf, openMarket } from './api'
import { Problem, problemOf } from './problem'

test('a refusal is read as the market writes it', () => {
  const body = { type: 'urn:computehive:error:not_found', title: 'Not found', detail: 'No job 0x1.', hint: 'Look again.' }
  expect(problemOf(body, 404)).toMatchObject({ code: 'not_found', status: 404, message: 'No job 0x1.', hint: 'Look again.' })
})

test.each([undefined, null, '', '<html>', 7, []])('an answer of %j is a refusal that says its status', (body) => {
  expect(problemOf(body, 502).message).toBe('The market answered with status 502.')
})

test('a market that cannot be reached is a problem of its own', async () => {
  const asked = answerOf(openMarket('http://127.0.0.1:1').GET('/api/v1/config'))
  await expect(asked).rejects.toSatisfy((error) => error instanceof Problem && error.isAway)
})
