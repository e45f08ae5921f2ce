import { useState, type ReactNode } from 'react'
import { Link, useParams } from 'wouter'

import { loadDraft } from '../../flow/drafts'
import { Editor } from './Editor'
import { Placed } from './Placed'
import { Start } from './Start'
import './flow.css'

const WORKFLOW = /^0x[0-9a-f]{64}$/

/** Workflows: those that are written here, and those that were placed. */
export function FlowPage(): ReactNode {
  const { id } = useParams<{ id?: string }>()
  if (!id) return <Start />
  return WORKFLOW.test(id) ? <Placed id={id} /> : <DraftPage key={id} id={id} />
}

function DraftPage({ id }: { id: string }): ReactNode {
  const [draft] = useState(() => loadDraft(id))
  if (draft) return <Editor draft={draft} />
  return (
    <p>
      There is no such draft in this browser. <Link href="/flow">See those that there are.</Link>
    </p>
  )
}
