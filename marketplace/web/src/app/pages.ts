import { lazy, type ComponentType } from 'react'

import { Dashboard } from '../pages/Dashboard'

export interface Page {
  readonly path: string
  readonly title: string
  readonly isInMenu: boolean
  readonly Page: ComponentType
}

const Rounds = lazy(async () => ({ default: (await import('../pages/rounds/Rounds')).Rounds }))
const Round = lazy(async () => ({ default: (await import('../pages/rounds/Round')).RoundPage }))
const Flow = lazy(async () => ({ default: (await import('../pages/flow/Flow')).FlowPage }))
const Jobs = lazy(async () => ({ default: (await import('../pages/job/Jobs')).Jobs }))
const Job = lazy(async () => ({ default: (await import('../pages/job/Job')).JobPage }))
const Nodes = lazy(async () => ({ default: (await import('../pages/node/Nodes')).Nodes }))
const Node = lazy(async () => ({ default: (await import('../pages/node/Node')).NodePage }))
const Modules = lazy(async () => ({ default: (await import('../pages/modules/Modules')).Modules }))
const Module = lazy(async () => ({ default: (await import('../pages/modules/Module')).ModulePage }))
const Deploy = lazy(async () => ({ default: (await import('../pages/deploy/Deploy')).Deploy }))
const exit = async () => ({ default: (await import('../pages/exit/Exit')).ExitPage })
const Exit = lazy(exit)
const Settings = lazy(async () => ({ default: (await import('../pages/Settings')).SettingsPage }))

/** All there are, in the order of the menu. The first one is there at once, the others come when they are wanted. */
export const PAGES: readonly Page[] = [
  { path: '/', title: 'Dashboard', isInMenu: true, Page: Dashboard },
  { path: '/deploy', title: 'Deploy', isInMenu: true, Page: Deploy },
  { path: '/deploy/:name/:version', title: 'Deploy', isInMenu: false, Page: Deploy },
  { path: '/flow', title: 'Flow', isInMenu: true, Page: Flow },
  { path: '/flow/:id', title: 'Flow', isInMenu: false, Page: Flow },
  { path: '/jobs', title: 'Jobs', isInMenu: true, Page: Jobs },
  { path: '/jobs/:id', title: 'Job', isInMenu: false, Page: Job },
  { path: '/modules', title: 'Modules', isInMenu: true, Page: Modules },
  { path: '/modules/:name', title: 'Module', isInMenu: false, Page: Module },
  { path: '/nodes', title: 'Nodes', isInMenu: true, Page: Nodes },
  { path: '/nodes/:id', title: 'Node', isInMenu: false, Page: Node },
  { path: '/rounds', title: 'Rounds', isInMenu: true, Page: Rounds },
  { path: '/rounds/:number', title: 'Round', isInMenu: false, Page: Round },
  { path: '/exit', title: 'Exit', isInMenu: true, Page: Exit },
  { path: '/settings', title: 'Settings', isInMenu: true, Page: Settings },
]

/** Have the page that works without a server in this browser while there still is one. */
export function fetchExit(): void {
  exit().catch(() => null)
}
