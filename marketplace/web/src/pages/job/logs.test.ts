import { describe, expect, it } from 'vitest'

import { LogBook, TAIL, keyOf, type Log } from './logs'

const LEASE = '0x1'
const piece = (text: string, offset: number) => ({ leaseId: LEASE, stream: 'stdout' as const, offset, data: btoa(text) })
const shown = (book: LogBook): Log => book.shown().get(keyOf(LEASE, 'stdout'))!

describe('what a job prints', () => {
  it('is put together in order, and a letter that comes in two pieces is one', () => {
    const book = new LogBook()
    book.begin({ leaseId: LEASE, again: false })
    book.add(piece('caf\xc3', 0))
    book.add(piece('\xa9', 4))
    expect(shown(book)).toEqual({ bytes: 5, tail: 'café', isAttested: false })
    book.attest(LEASE)
    expect(shown(book).isAttested).toBe(true)
  })

  it('is there once, also where a stream that broke off tells it again', () => {
    const book = new LogBook()
    book.add(piece('one', 0))
    book.begin({ leaseId: LEASE, again: false })
    book.add(piece('ne two', 1))
    expect(shown(book)).toMatchObject({ bytes: 7, tail: 'one two' })
  })

  it('begins anew with another run', () => {
    const book = new LogBook()
    book.add(piece('old', 0))
    book.begin({ leaseId: LEASE, again: true })
    expect(shown(book).tail).toBe('')
    book.add(piece('new', 0))
    expect(shown(book).tail).toBe('new')
  })

  it('is bounded, however much there is: the end of it stays', () => {
    const book = new LogBook()
    const line = 'x'.repeat(65_535) + '\n'
    for (let at = 0; at < 50; at += 1) book.add(piece(line, at * 65_536))
    expect(shown(book).tail).toHaveLength(TAIL)
    expect(shown(book).bytes).toBe(50 * 65_536)
  })
})
