import createClient, { type Client } from 'openapi-fetch'

import type { paths } from '../generated/api'
import { awayProblem, problemOf } from './problem'

export type Market = Client<paths>

/** Longer than any answer should take; a request that hangs is told as one that failed. */
const SECONDS = 20

/** The market at `url`, whose answers `answerOf` unpacks. */
export function openMarket(url: string): Market {
  return createClient<paths>({ baseUrl: url, fetch: (request) => fetchBounded(request, url) })
}

async function fetchBounded(request: Request, url: string): Promise<Response> {
  try {
    return await fetch(request, { signal: AbortSignal.any([request.signal, AbortSignal.timeout(SECONDS * 1000)]) })
  } catch (error) {
    if (request.signal.aborted) throw error
    throw awayProblem(url)
  }
}

/** The body of a successful answer. Throws Problem. */
export async function answerOf<T>(asked: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await asked
  if (!response.ok || data === undefined) throw problemOf(error, response.status)
  return data
}
