import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useId, useRef, type FormEvent, type ReactNode } from 'react'

import { useSession } from '../../app/context'
import type { components } from '../../generated/api'
import { answerOf } from '../../market/api'
import type { Answer } from '../../market/queries'
import { DataTable, type Column } from '../../ui/DataTable'
import { Loaded } from '../../ui/states'
import { bearer, type Visit } from './access'
import { Once, Said } from './Said'

type Webhook = Answer<'list_webhooks'>['webhooks'][number]
type Party = components['schemas']['Party']

const SUBJECTS: Readonly<Record<string, string>> = {
  'job.*': 'each new state of a job',
  'lease.*': 'leases opened, claimed, settled, refunded',
  'payment.*': 'payments',
  'dispute.*': 'disputes',
}
const PARTIES: Readonly<Record<Party, string>> = { all: 'jobs I pay for and leases I serve', renter: 'jobs I pay for', provider: 'leases I serve' }

/** Addresses that the market calls when something happens: made, listed, deleted. */
export function Webhooks({ visit }: { visit: Visit }): ReactNode {
  const { market } = useSession()
  const queries = useQueryClient()
  const name = ['webhooks', visit.token]
  const refresh = () => queries.invalidateQueries({ queryKey: name })
  const webhooks = useQuery({ queryKey: name, queryFn: async () => (await answerOf(market.GET('/api/v1/webhooks', bearer(visit)))).webhooks })
  const remove = useMutation({
    mutationFn: (id: string) => answerOf(market.DELETE('/api/v1/webhooks/{webhook_id}', { params: { path: { webhook_id: id } }, ...bearer(visit) })),
    onSettled: refresh,
  })
  const columns: Column<Webhook>[] = [
    { name: 'Calls', of: (webhook) => webhook.url, isText: true },
    { name: 'Of', of: (webhook) => webhook.events.join(', '), isText: true },
    { name: 'For', of: (webhook) => PARTIES[webhook.scope as Party] ?? webhook.scope, isText: true },
    {
      name: 'Delete',
      of: (webhook) => (
        <button type="button" disabled={remove.isPending} onClick={() => remove.mutate(webhook.id)}>
          Delete<span className="unseen"> {webhook.url}</span>
        </button>
      ),
    },
  ]
  return (
    <>
      <h3>Webhooks</h3>
      <Loaded query={webhooks} what="your webhooks" empty={{ is: (found) => found.length === 0, say: 'Nothing of yours is called yet.' }}>
        {(found) => <DataTable caption="Your webhooks" columns={columns} rows={found} keyOf={(webhook) => webhook.id} />}
      </Loaded>
      <Said error={remove.error} />
      <NewWebhook visit={visit} made={() => void refresh()} />
    </>
  )
}

function NewWebhook({ visit, made }: { visit: Visit; made: () => void }): ReactNode {
  const { market } = useSession()
  const id = useId()
  const form = useRef<HTMLFormElement>(null)
  const make = useMutation({
    mutationFn: (data: FormData) => {
      const body = { url: String(data.get('url')).trim(), events: data.getAll('event').map(String), scope: data.get('scope') as Party }
      return answerOf(market.POST('/api/v1/webhooks', { body, ...bearer(visit) }))
    },
    onSuccess: () => {
      form.current?.reset()
      made()
    },
  })
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    make.mutate(new FormData(event.currentTarget))
  }
  return (
    <>
      <form ref={form} onSubmit={submit} className="fields ask">
        <div>
          <label htmlFor={`${id}-url`}>Address that is to be called</label>
          <input id={`${id}-url`} name="url" type="url" required placeholder="https://…" spellCheck={false} autoComplete="off" />
        </div>
        <div>
          <label htmlFor={`${id}-scope`}>For</label>
          <select id={`${id}-scope`} name="scope">
            {Object.entries(PARTIES).map(([party, says]) => (
              <option key={party} value={party}>
                {says}
              </option>
            ))}
          </select>
        </div>
        <fieldset className="choices">
          <legend>What it is told of</legend>
          {Object.entries(SUBJECTS).map(([subject, says]) => (
            <label key={subject}>
              <input type="checkbox" name="event" value={subject} defaultChecked={subject === 'job.*'} /> <span>{says} (<code>{subject}</code>)</span>
            </label>
          ))}
        </fieldset>
        <button type="submit" disabled={make.isPending}>
          Add a webhook
        </button>
      </form>
      <Said error={make.error} />
      {typeof make.data?.secret === 'string' ? <Once label="The secret that verifies its calls" value={make.data.secret} /> : null}
    </>
  )
}
