// First: the other style sheets build on it.
import './page.css'
import { render } from 'preact'
import { ActorList } from './actor-list.tsx'
import { ActorPanel } from './actor-panel.tsx'
import { Header } from './header.tsx'
import { KeyHelp, listenToKeys } from './keys.tsx'
import { listenToLink } from './link.ts'
import { connect } from './source.ts'
import { Troubles } from './troubles.tsx'

function Page() {
  return (
    <>
      <Header />
      <Troubles />
      <main>
        <ActorList />
        <ActorPanel />
      </main>
      <KeyHelp />
    </>
  )
}

const place = document.querySelector('#page')
if (place) render(<Page />, place)
listenToKeys()
listenToLink()
connect()
