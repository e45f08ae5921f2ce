import { useQuery, type UseQueryResult } from '@tanstack/react-query'
import type { Address } from 'viem'

import { useSession } from '../../app/context'
import type { operations } from '../../generated/api'
import { answerOf } from '../../market/api'

export type Workflow = operations['show_workflow']['responses'][200]['content']['application/json']
export type WorkflowRow = operations['list_workflows']['responses'][200]['content']['application/json']['workflows'][number]

/** While something of it goes on, in milliseconds. */
const OFTEN = 2_000
const SELDOM = 10_000

export function useWorkflows(renter: Address | null): UseQueryResult<WorkflowRow[]> {
  const { market } = useSession()
  const query = renter ? { renter, limit: 20 } : { limit: 20 }
  const queryFn = async () => (await answerOf(market.GET('/api/v1/workflows', { params: { query } }))).workflows
  return useQuery({ queryKey: ['workflows', renter], queryFn, enabled: renter !== null, refetchInterval: SELDOM })
}

export function useWorkflow(id: string): UseQueryResult<Workflow> {
  const { market } = useSession()
  const queryFn = () => answerOf(market.GET('/api/v1/workflows/{workflow_id}', { params: { path: { workflow_id: id } } }))
  return useQuery({ queryKey: ['workflow', id], queryFn, refetchInterval: (query) => (query.state.data?.state === 'running' ? OFTEN : false) })
}
