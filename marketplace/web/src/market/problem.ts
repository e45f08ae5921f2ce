/** A refusal as the market writes it (RFC 9457), or that it was not reached at all. */
export class Problem extends Error {
  override readonly name = 'Problem'

  constructor(
    message: string,
    readonly code: string,
    readonly status: number,
    readonly hint: string | null = null,
  ) {
    super(message)
  }

  /** Whether nobody answered: the market, or the way to it, is away. */
  get isAway(): boolean {
    return this.status === 0
  }
}

const TYPE = 'urn:computehive:error:'

/** The refusal in a response's body, whatever that is. */
export function problemOf(body: unknown, status: number): Problem {
  const found = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}
  const text = (key: string) => (typeof found[key] === 'string' ? found[key] : null)
  const code = text('code') ?? text('type')?.replace(TYPE, '') ?? 'unknown'
  return new Problem(text('detail') ?? text('title') ?? `The market answered with status ${status}.`, code, status, text('hint'))
}

/** The error of a request that got no answer. */
export function awayProblem(url: string): Problem {
  return new Problem(`No answer from the market at ${url}.`, 'away', 0, 'Money is on chain and stays within reach without it: see Exit.')
}
