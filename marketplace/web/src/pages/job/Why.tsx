import type { ReactNode } from 'react'

import { DataTable } from '../../ui/DataTable'
import { Loaded } from '../../ui/states'
import { Hash, Usdc } from '../../ui/values'
import { useExplanation, type Job } from './queries'

interface Offered {
  readonly askHash: string
  readonly provider: string
  readonly quote: string
  readonly rent: string
  readonly price: string
}

/** Why it was matched there, or why not. */
export function Why({ job }: { job: Job }): ReactNode {
  const explanation = useExplanation(job.jobId)
  return (
    <section aria-labelledby="why">
      <h2 id="why">Why</h2>
      <Loaded query={explanation} what="the explanation">
        {(found) => (
          <>
            <p>
              {found.reason} {found.rentReason}
            </p>
            <Offers caption="Chosen" rows={found.chosen as readonly Offered[]} />
            <Offers caption="Next best" rows={found.runnersUp as readonly Offered[]} />
            <Sentences title="What stood in the way" of={found.obstacles as readonly unknown[]} />
            <Sentences title="What would help" of={found.suggestions as readonly unknown[]} />
          </>
        )}
      </Loaded>
    </section>
  )
}

function Offers({ caption, rows }: { caption: string; rows: readonly Offered[] }): ReactNode {
  if (rows.length === 0) return null
  return (
    <>
      <h3>{caption}</h3>
      <DataTable
        caption={caption}
        rows={rows}
        keyOf={({ askHash }) => askHash}
        columns={[
          { name: 'Provider', of: ({ provider }) => <Hash value={provider} label="provider's address" /> },
          { name: 'Own cost', of: ({ quote }) => <Usdc micro={quote} />, isNumber: true },
          { name: 'Scarcity rent', of: ({ rent }) => <Usdc micro={rent} />, isNumber: true },
          { name: 'Price', of: ({ price }) => <Usdc micro={price} />, isNumber: true },
        ]}
      />
    </>
  )
}

function Sentences({ title, of }: { title: string; of: readonly unknown[] }): ReactNode {
  if (of.length === 0) return null
  return (
    <>
      <h3>{title}</h3>
      <ul>
        {of.map((one, at) => (
          <li key={at}>{sentenceOf(one)}</li>
        ))}
      </ul>
    </>
  )
}

/** What the market says as a sentence, else each of its fields. */
function sentenceOf(one: unknown): string {
  if (typeof one !== 'object' || one === null) return String(one)
  const fields = one as Readonly<Record<string, unknown>>
  const said = fields['detail'] ?? fields['text'] ?? fields['message'] ?? fields['reason']
  return typeof said === 'string' ? said : Object.entries(fields).map(([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`).join(', ')
}
