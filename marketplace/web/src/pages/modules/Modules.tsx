import { useId, useState, type ReactNode } from 'react'
import { Link } from 'wouter'

import { MOST, type ModuleName } from '../../chain/modules'
import { OnChain, type Reached } from '../../chain/OnChain'
import { LongTable } from '../../ui/LongTable'
import { Loaded } from '../../ui/states'
import { Hash, Instant } from '../../ui/values'
import './modules.css'
import { useModules } from './queries'

/** Every name of the registry, by the contract's own word. */
export function Modules(): ReactNode {
  return (
    <>
      <p className="note">
        A module is a program under a name: <code>chain://name@version</code> stands for the same bytes for ever. The registry is a contract that nobody owns; it says who published
        what, not that a publisher deserves the name.
      </p>
      <OnChain>{(registry) => <Names registry={registry} />}</OnChain>
    </>
  )
}

const NONE = (
  <>
    No module has been published on this chain yet. <code>hive module publish chain://name@0.1.0 program.wasm</code> publishes one.
  </>
)

function Names({ registry }: { registry: Reached }): ReactNode {
  const modules = useModules(registry)
  return (
    <Loaded query={modules} what="the registry" lines={8} empty={{ is: ({ found }) => found.length === 0, say: NONE }}>
      {({ found, isCut }) => (
        <>
          {isCut ? <p className="note">The first {MOST.toLocaleString('en')} names; there are more.</p> : null}
          <Found all={found} />
        </>
      )}
    </Loaded>
  )
}

function Found({ all }: { all: readonly ModuleName[] }): ReactNode {
  const id = useId()
  const [text, setText] = useState('')
  const wanted = text.trim().toLowerCase()
  const rows = all.filter(({ name, owner }) => name.includes(wanted) || owner.toLowerCase() === wanted)
  return (
    <>
      <div className="search">
        <label htmlFor={id}>A part of a name, or an owner’s address</label>
        <input id={id} type="search" autoComplete="off" spellCheck={false} value={text} onChange={(event) => setText(event.target.value)} />
      </div>
      {rows.length === 0 ? <p className="empty">No name has “{text.trim()}” in it.</p> : null}
      {rows.length > 0 ? (
        <LongTable
          caption="Modules of the registry"
          rows={rows}
          keyOf={({ name }) => name}
          columns={[
            { name: 'Module', of: ({ name }) => <Link href={`/modules/${name}`}>{name}</Link>, chars: 32 },
            { name: 'Latest', of: ({ latest }) => latest ?? '—', chars: 12 },
            { name: 'Versions', of: ({ releases }) => releases, isNumber: true, chars: 10 },
            { name: 'Owner', of: ({ owner }) => <Hash value={owner} label="owner's address" />, chars: 14 },
            { name: 'Since', of: ({ claimedAt }) => <Instant at={claimedAt} />, chars: 24 },
            { name: 'Warning', of: ({ isDeprecated, warning }) => (isDeprecated ? `Deprecated: ${warning}` : ''), isText: true, chars: 30 },
          ]}
        />
      ) : null}
    </>
  )
}
