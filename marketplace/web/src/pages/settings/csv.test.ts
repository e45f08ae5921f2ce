import { expect, test } from 'vitest'

import { csvOf } from './csv'

test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', ' =1', '\r=1', '\uff1d1+1'])('%j is text to a spreadsheet', (name) => {
  expect(csvOf([{ name }])).toBe(`"name"\r\n"'${name}"\r\n`)
})

test('quotes, commas and lines stay inside their cell', () => {
  expect(csvOf([{ name: 'a "b", c\nd' }])).toBe('"name"\r\n"a ""b"", c\nd"\r\n')
})

test('numbers stay numbers, nothing stays empty, what has parts is JSON', () => {
  expect(csvOf([{ a: -1, b: null, c: { d: 1 } }, { e: 2 }])).toBe('"a","b","c","e"\r\n-1,,"{""d"":1}",\r\n,,,2\r\n')
})
