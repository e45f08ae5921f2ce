import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useId, useRef, type FormEvent, type ReactNode } from 'react'

import { useSession } from '../../app/context'
import { answerOf } from '../../market/api'
import type { Answer } from '../../market/queries'
import { DataTable, type Column } from '../../ui/DataTable'
import { Loaded } from '../../ui/states'
import { Instant } from '../../ui/values'
import { bearer, SCOPES, type Scope, type Visit } from './access'
import { Once, Said } from './Said'

type Key = Answer<'list_api_keys'>['keys'][number]
const DAY = 86_400

/** Keys for programs: made, listed, revoked. */
export function Keys({ visit }: { visit: Visit }): ReactNode {
  const { market } = useSession()
  const queries = useQueryClient()
  const name = ['keys', visit.token]
  const keys = useQuery({ queryKey: name, queryFn: async () => (await answerOf(market.GET('/api/v1/keys', bearer(visit)))).keys })
  const revoke = useMutation({
    mutationFn: (id: string) => answerOf(market.DELETE('/api/v1/keys/{key_id}', { params: { path: { key_id: id } }, ...bearer(visit) })),
    onSettled: () => queries.invalidateQueries({ queryKey: name }),
  })
  const columns: Column<Key>[] = [
    { name: 'Name', of: (key) => key.name, isText: true },
    { name: 'Begins with', of: (key) => <code>{key.id}</code> },
    { name: 'May', of: (key) => key.scopes.join(', '), isText: true },
    { name: 'Last used', of: (key) => (typeof key.usedAt === 'number' ? <Instant at={key.usedAt} /> : 'never') },
    { name: 'Good', of: (key) => goodOf(key, Date.now() / 1000) },
    {
      name: 'Revoke',
      of: (key) =>
        typeof key.revokedAt === 'number' ? null : (
          <button type="button" disabled={revoke.isPending} onClick={() => revoke.mutate(key.id)}>
            Revoke<span className="unseen"> {key.name}</span>
          </button>
        ),
    },
  ]
  return (
    <>
      <h3>Keys for programs</h3>
      <Loaded query={keys} what="your keys" empty={{ is: (found) => found.length === 0, say: 'You have made no key yet.' }}>
        {(found) => <DataTable caption="Your keys" columns={columns} rows={found} keyOf={(key) => key.id} />}
      </Loaded>
      <Said error={revoke.error} />
      <NewKey visit={visit} made={() => void queries.invalidateQueries({ queryKey: name })} />
    </>
  )
}

function goodOf(key: Key, now: number): ReactNode {
  if (typeof key.revokedAt === 'number') return 'revoked'
  if (typeof key.expiresAt !== 'number') return 'until revoked'
  if (key.expiresAt <= now) return 'expired'
  return (
    <>
      until <Instant at={key.expiresAt} />
    </>
  )
}

function NewKey({ visit, made }: { visit: Visit; made: () => void }): ReactNode {
  const { market } = useSession()
  const id = useId()
  const form = useRef<HTMLFormElement>(null)
  const make = useMutation({
    mutationFn: (data: FormData) => {
      const days = Number(data.get('days'))
      const expiresAt = days > 0 ? Math.floor(Date.now() / 1000) + days * DAY : null
      const body = { name: String(data.get('name')).trim(), scopes: data.getAll('scope') as Scope[], expiresAt }
      return answerOf(market.POST('/api/v1/keys', { body, ...bearer(visit) }))
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
          <label htmlFor={`${id}-name`}>Name of a new key</label>
          <input id={`${id}-name`} name="name" required maxLength={100} placeholder="pager" autoComplete="off" />
        </div>
        <div>
          <label htmlFor={`${id}-days`}>Days it is good for</label>
          <input id={`${id}-days`} name="days" type="number" min={1} max={3650} placeholder="until revoked" />
        </div>
        <fieldset className="choices">
          <legend>What it may do</legend>
          {Object.entries(SCOPES).map(([scope, says]) => (
            <label key={scope}>
              <input type="checkbox" name="scope" value={scope} defaultChecked={scope === 'webhooks:read'} /> <span>{says} (<code>{scope}</code>)</span>
            </label>
          ))}
        </fieldset>
        <button type="submit" disabled={make.isPending}>
          Make a key
        </button>
      </form>
      <Said error={make.error} />
      {make.data ? <Once label={`The key ${make.data.name}`} value={make.data.key} /> : null}
    </>
  )
}
