import { keepPreviousData, useQuery, type UseQueryResult } from '@tanstack/react-query'

import { useSession } from '../../app/context'
import type { operations } from '../../generated/api'
import { answerOf } from '../../market/api'
import type { Resources } from '../../orders/bid'
import type { JobSpec } from '../../orders/spec'

type Body<name extends 'quote_job' | 'advise_job'> = operations[name]['responses'][200]['content']['application/json']

export interface Asked {
  readonly resources: Resources
  readonly jobSpec: JobSpec | null
  readonly replicas: number
  readonly maxPrice: string | null
}

export interface Priced {
  readonly quote: Body<'quote_job'>
  readonly advice: Body<'advise_job'>
}

/** How often a price is asked again while somebody looks at it, in milliseconds. */
const OFTEN = 10_000

/** The price now and what past rounds say of it; null asks nothing. Signs and reserves nothing. */
export function usePrice(body: Asked | null): UseQueryResult<Priced> {
  const { market } = useSession()
  const queryFn = async (): Promise<Priced> => {
    const [quote, advice] = await Promise.all([
      answerOf(market.POST('/api/v1/quotes', { body: body! })),
      answerOf(market.POST('/api/v1/quotes/advice', { body: body! })),
    ])
    return { quote, advice }
  }
  return useQuery({ queryKey: ['price', body], queryFn, enabled: body !== null, placeholderData: keepPreviousData, refetchInterval: OFTEN })
}
