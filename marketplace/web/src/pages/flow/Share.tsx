import { useState, type ChangeEvent, type ReactNode } from 'react'

import type { Flow } from '../../flow/model'
import { readYaml, writeYaml } from '../../flow/yaml'
import type { Edit } from './edit'

const MOST_BYTES = 1_000_000

/** The document as a file, out and in, and how it is run. */
export function Share({ flow, edit, canRun }: { flow: Flow; edit: Edit; canRun: boolean }): ReactNode {
  const [wrong, setWrong] = useState('')
  const file = `${flow.name.replace(/[^\w-]+/g, '-').replace(/^-+|-+$/g, '') || 'workflow'}.yaml`
  const download = () => {
    const url = URL.createObjectURL(new Blob([writeYaml(flow)], { type: 'application/yaml' }))
    const link = document.createElement('a')
    link.href = url
    link.download = file
    link.click()
    setTimeout(() => URL.revokeObjectURL(url), 1_000)
  }
  const open = async (event: ChangeEvent<HTMLInputElement>) => {
    const [given] = event.target.files ?? []
    event.target.value = ''
    if (!given) return
    const read = given.size > MOST_BYTES ? null : readYaml(await given.text())
    if (read?.flow) edit(() => read.flow!)
    const why = read?.errors[0] ? `Line ${read.errors[0].line}: ${read.errors[0].message}` : 'It has more than 1 MB.'
    setWrong(read?.flow ? '' : `${given.name} was not taken. ${why}`)
  }
  return (
    <>
      <p className="tools">
        <button type="button" onClick={download}>
          Download {file}
        </button>
        <label className="file">
          Open a file <input type="file" accept=".yaml,.yml,.json" onChange={(event) => void open(event)} />
        </label>
      </p>
      {wrong ? <p role="alert">{wrong}</p> : null}
      <h3>From a terminal</h3>
      <p>
        {canRun ? 'With its programs and inputs beside the file: ' : 'Once nothing is wrong with it: '}
        <code>hive workflow run {file} --follow</code>
      </p>
      <p className="note">The command signs all bids at once with your wallet’s file; a browser’s wallet asks for each.</p>
    </>
  )
}
