import { Suspense, useEffect, useRef, type ReactNode } from 'react'
import { Link, Route, Router, Switch, useLocation } from 'wouter'
import { useHashLocation } from 'wouter/use-hash-location'

import { useLiveMarket } from '../market/queries'
import { Guard } from '../ui/states'
import { Banners } from './Banners'
import { PAGES } from './pages'
import { useNotices } from './useNotices'
import { WalletMenu } from './WalletMenu'

/** The frame around every page. */
export function Shell(): ReactNode {
  useLiveMarket()
  useNotices()
  return (
    <Router hook={useHashLocation}>
      <a className="skip" href="#main" onClick={focusMain}>
        Skip to the page
      </a>
      <header>
        <Link href="/" className="brand">
          ComputeHive
        </Link>
        <nav aria-label="Pages">
          {PAGES.filter((page) => page.isInMenu).map((page) => (
            <Tab key={page.path} path={page.path} title={page.title} />
          ))}
        </nav>
        <WalletMenu />
      </header>
      <Banners />
      <main id="main" tabIndex={-1}>
        <Switch>
          {PAGES.map((page) => (
            <Route key={page.path} path={page.path}>
              <Titled title={page.title}>
                <page.Page />
              </Titled>
            </Route>
          ))}
          <Route>
            <Titled title="Not found">
              <p>There is no such page.</p>
            </Titled>
          </Route>
        </Switch>
      </main>
    </Router>
  )
}

function Tab({ path, title }: { path: string; title: string }): ReactNode {
  const [location] = useLocation()
  const link = useRef<HTMLAnchorElement>(null)
  const isHere = location === path || (path !== '/' && location.startsWith(`${path}/`))
  useEffect(() => {
    // On narrow screens the menu scrolls, and shows where one is.
    if (isHere) link.current?.scrollIntoView({ block: 'nearest', inline: 'center' })
  }, [isHere])
  return (
    <Link ref={link} href={path} aria-current={isHere ? 'page' : undefined}>
      {title}
    </Link>
  )
}

function Titled({ title, children }: { title: string; children: ReactNode }): ReactNode {
  useEffect(() => {
    document.title = `${title} · ComputeHive`
  }, [title])
  return (
    <Guard>
      <h1>{title}</h1>
      <Suspense fallback={<p role="status">Loading the page…</p>}>{children}</Suspense>
    </Guard>
  )
}

/** A hash names the page here, so that the usual link to an anchor would leave it. */
function focusMain(event: { preventDefault: () => void }): void {
  event.preventDefault()
  document.getElementById('main')?.focus()
}
