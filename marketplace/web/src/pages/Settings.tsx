import { useId, useState, type FormEvent, type ReactNode } from 'react'

import { useSession } from '../app/context'
import { useConfig } from '../market/queries'
import { urlOf } from '../market/settings'
import { Loaded } from '../ui/states'
import { Hash } from '../ui/values'
import { Access } from './settings/Access'
import { Agents } from './settings/Agents'
import { Export } from './settings/Export'
import { Look, Notices } from './settings/Look'

/** Where this page gets what it shows, and how it looks. */
export function SettingsPage(): ReactNode {
  return (
    <>
      <Look />
      <section aria-labelledby="network">
        <h2 id="network">Network</h2>
        <Addresses />
        <Facts />
      </section>
      <Notices />
      <Agents />
      <Access />
      <Export />
    </>
  )
}

function Addresses(): ReactNode {
  const { settings, change } = useSession()
  const [wrong, setWrong] = useState<string | null>(null)
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const texts = { marketUrl: String(form.get('marketUrl') ?? '').trim(), rpcUrl: String(form.get('rpcUrl') ?? '').trim() }
    const bad = Object.values(texts).find((text) => text !== '' && urlOf(text) === null)
    setWrong(bad ?? null)
    if (bad === undefined) change({ ...settings, marketUrl: urlOf(texts.marketUrl), rpcUrl: urlOf(texts.rpcUrl) })
  }
  return (
    <form onSubmit={submit} className="fields">
      <Field name="marketUrl" label="Another market" kept={settings.marketUrl} note="Empty: the one that served this page." />
      <Field name="rpcUrl" label="Another node of the chain" kept={settings.rpcUrl} note="Empty: the one that the market names." />
      {wrong === null ? null : <p role="alert">{wrong} is no address that begins with https:// or http://.</p>}
      <button type="submit">Use these</button>
    </form>
  )
}

function Field({ name, label, kept, note }: { name: string; label: string; kept: string | null; note: string }): ReactNode {
  const id = useId()
  return (
    <div>
      <label htmlFor={id}>{label}</label>
      <input id={id} name={name} defaultValue={kept ?? ''} placeholder="https://…" spellCheck={false} aria-describedby={`${id}-note`} />
      <p id={`${id}-note`} className="note">
        {note}
      </p>
    </div>
  )
}

function Facts(): ReactNode {
  const config = useConfig()
  return (
    <Loaded query={config} what="the market's configuration">
      {(found) => (
        <dl className="facts">
          <dt>Chain</dt>
          <dd>{found.chainId}</dd>
          <dt>Market's key</dt>
          <dd>
            <Hash value={found.market} label="market's key" />
          </dd>
          <dt>Fee</dt>
          <dd>{found.feeBps / 100} %</dd>
          {Object.entries(found.contracts).map(([name, address]) => (
            <Contract key={name} name={name} address={address} />
          ))}
        </dl>
      )}
    </Loaded>
  )
}

function Contract({ name, address }: { name: string; address: string }): ReactNode {
  return (
    <>
      <dt>{name}</dt>
      <dd>
        <Hash value={address} label={`address of ${name}`} />
      </dd>
    </>
  )
}
