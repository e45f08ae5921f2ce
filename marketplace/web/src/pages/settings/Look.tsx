import { useState, type ReactNode } from 'react'

import { useSession } from '../../app/context'
import { mayTell } from '../../app/useNotices'
import type { Settings } from '../../market/settings'
import type { Units } from '../../ui/units'
import './settings.css'

/** How pages look: colours, and how rates and moments are written. */
export function Look(): ReactNode {
  const { settings, change } = useSession()
  const { units } = settings
  return (
    <section aria-labelledby="look">
      <h2 id="look">Look</h2>
      <Choice name="Colours" options={THEMES} chosen={settings.theme} choose={(theme) => change({ ...settings, theme })} />
      <Choice name="Rates of machines, for" options={PERS} chosen={units.per} choose={(per) => change({ ...settings, units: { ...units, per } })} />
      <Choice name="Moments, by" options={CLOCKS} chosen={units.clock} choose={(clock) => change({ ...settings, units: { ...units, clock } })} />
      <p className="note">A month is 730 hours. Pages of rounds keep the hour, for which orders are signed.</p>
    </section>
  )
}

const THEMES = { system: 'system', light: 'light', dark: 'dark' } as const satisfies Record<Settings['theme'], string>
const PERS = { hour: 'an hour', day: 'a day', month: 'a month' } as const satisfies Record<Units['per'], string>
const CLOCKS = { local: 'this machine’s clock', UTC: 'UTC' } as const satisfies Record<Units['clock'], string>

interface ChoiceProps<Name extends string> {
  name: string
  options: Readonly<Record<Name, string>>
  chosen: Name
  choose: (name: Name) => void
}

function Choice<Name extends string>({ name, options, chosen, choose }: ChoiceProps<Name>): ReactNode {
  return (
    <fieldset className="radios">
      <legend>{name}</legend>
      {(Object.keys(options) as Name[]).map((one) => (
        <label key={one}>
          <input type="radio" name={name} checked={chosen === one} onChange={() => choose(one)} /> {options[one]}
        </label>
      ))}
    </fieldset>
  )
}

/** Whether this browser tells when a job ends. */
export function Notices(): ReactNode {
  const { settings, change } = useSession()
  const [isRefused, setRefused] = useState(false)
  const toggle = async () => {
    const isAllowed = settings.tells || mayTell() || ('Notification' in window && (await Notification.requestPermission()) === 'granted')
    setRefused(!isAllowed)
    if (isAllowed) change({ ...settings, tells: !settings.tells })
  }
  return (
    <section aria-labelledby="notices">
      <h2 id="notices">Notifications</h2>
      <label>
        <input type="checkbox" checked={settings.tells} onChange={() => void toggle()} /> Tell me in this browser when a job of mine ends
      </label>
      <p className="note">While a page of this market is open somewhere. A webhook, below, tells a program of yours at any time.</p>
      {isRefused || (settings.tells && !mayTell()) ? <p role="alert">This browser lets this page show no notifications. Its own settings allow them.</p> : null}
    </section>
  )
}
