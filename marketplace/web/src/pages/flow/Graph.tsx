import { Controls, Handle, MarkerType, Position, ReactFlow, ReactFlowProvider, useReactFlow } from '@xyflow/react'
import type { Edge, EdgeChange, Node, NodeChange, NodeProps } from '@xyflow/react'
import '@xyflow/react/dist/base.css'
import { useEffect, useMemo, useRef, useState, type ReactNode } from 'react'

import { NODE, placesOf } from '../../flow/order'
import { StateMark, type Tone } from './StateMark'

/** A job, as it is drawn. */
export interface Drawn {
  readonly name: string
  readonly more: string
  readonly state?: string
  readonly tone?: Tone
  readonly needs: readonly { readonly name: string; readonly label: string }[]
}

export interface Edits {
  readonly selected: number | null
  readonly select: (index: number | null) => void
  readonly connect: (from: number, to: number) => void
  readonly disconnect: (from: number, to: number) => void
  readonly remove: (index: number) => void
}

interface Props {
  drawn: readonly Drawn[]
  /** Absent where nothing can be changed. */
  edits?: Edits
}

type JobNode = Node<{ job: Drawn; isFixed: boolean }, 'job'>

const TYPES = { job: JobBox }
const SIZE = { width: NODE.width, height: NODE.height }

/** The jobs from left to right, each after what it needs. The list of jobs says the same, to whoever does not see it. */
export default function Graph(props: Props): ReactNode {
  return (
    <ReactFlowProvider>
      <Canvas {...props} />
    </ReactFlowProvider>
  )
}

function Canvas({ drawn, edits }: Props): ReactNode {
  const [chosen, choose] = useState<string | null>(null)
  const { fitView } = useReactFlow()
  const box = useRef<HTMLDivElement>(null)
  // Of a job and a line only one is chosen, so that Delete means that one.
  const selected = chosen === null ? (edits?.selected ?? null) : null
  const nodes = useMemo(() => nodesOf(drawn, selected, !edits), [drawn, selected, edits])
  const edges = useMemo(() => edgesOf(drawn, chosen), [drawn, chosen])
  const shape = nodes.map(({ position }) => `${position.x},${position.y}`).join(' ')
  useEffect(() => {
    // Once what is new has been drawn.
    const frame = requestAnimationFrame(() => void fitView(FIT))
    return () => cancelAnimationFrame(frame)
  }, [shape, fitView])
  const nodesChanged = (changes: readonly NodeChange<JobNode>[]) => {
    const picked = changes.find((one) => one.type === 'select' && one.selected)
    if (picked?.type !== 'select') return
    choose(null)
    edits?.select(Number(picked.id))
  }
  const edgesChanged = (changes: readonly EdgeChange[]) => {
    for (const one of changes) if (one.type === 'select') choose((before) => (one.selected ? one.id : before === one.id ? null : before))
  }
  const removed = ({ nodes: gone, edges: cut }: { nodes: readonly Node[]; edges: readonly Edge[] }) => {
    if (gone[0]) edits?.remove(Number(gone[0].id))
    else for (const { source, target } of cut) edits?.disconnect(Number(source), Number(target))
  }
  return (
    <div className="graph" ref={box}>
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={TYPES}
        onNodesChange={nodesChanged}
        onEdgesChange={edgesChanged}
        onDelete={removed}
        // Keys are heard on the whole page: Delete elsewhere means something else.
        onBeforeDelete={async () => box.current?.contains(document.activeElement) ?? false}
        onConnect={({ source, target }) => edits?.connect(Number(source), Number(target))}
        isValidConnection={({ source, target }) => source !== target}
        nodesDraggable={false}
        nodesConnectable={Boolean(edits)}
        elementsSelectable={Boolean(edits)}
        nodesFocusable={Boolean(edits)}
        edgesFocusable={Boolean(edits)}
        deleteKeyCode={edits ? ['Delete', 'Backspace'] : null}
        zoomOnScroll={false}
        preventScrolling={false}
        zoomOnDoubleClick={false}
        minZoom={0.2}
        fitView
        fitViewOptions={FIT}
        aria-label="Graph of the workflow"
      >
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  )
}

const FIT = { maxZoom: 1, padding: 0.08 }

function nodesOf(drawn: readonly Drawn[], selected: number | null, isFixed: boolean): JobNode[] {
  const ids = idsOf(drawn)
  const vertices = drawn.map(({ needs }, at) => ({ name: String(at), needs: needs.flatMap(({ name }) => ids.get(name) ?? []) }))
  const places = placesOf(vertices)
  return drawn.map((job, at) => ({
    id: String(at),
    type: 'job',
    position: places.get(String(at))!,
    data: { job, isFixed },
    ...SIZE,
    measured: SIZE,
    selected: at === selected,
    ariaLabel: `${job.name}${job.state ? `: ${job.state}` : ''}`,
  }))
}

function edgesOf(drawn: readonly Drawn[], chosen: string | null): Edge[] {
  const ids = idsOf(drawn)
  return drawn.flatMap(({ name: own, needs }, at) =>
    needs.flatMap(({ name, label }) => {
      const source = ids.get(name)
      if (source === undefined) return []
      const id = `${source}-${at}`
      const marker = { type: MarkerType.ArrowClosed, width: 18, height: 18, color: 'var(--muted)' }
      return [{ id, source, target: String(at), label, selected: id === chosen, markerEnd: marker, ariaLabel: `${own} needs ${name}` }]
    }),
  )
}

/** Of each name; of two with one name the first is meant. */
function idsOf(drawn: readonly Drawn[]): Map<string, string> {
  return new Map(drawn.map(({ name }, at) => [name, String(at)] as const).reverse())
}

function JobBox({ data: { job, isFixed } }: NodeProps<JobNode>): ReactNode {
  return (
    <div className={`job-box ${job.tone ?? ''}`} title={job.name}>
      <Handle type="target" position={Position.Left} isConnectable={!isFixed} />
      <strong>{job.name || 'without a name'}</strong>
      {job.state ? <StateMark state={job.state} tone={job.tone} /> : null}
      {job.more ? <span className="note">{job.more}</span> : null}
      <Handle type="source" position={Position.Right} isConnectable={!isFixed} />
    </div>
  )
}
