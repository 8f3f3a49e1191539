import { open } from 'node:fs/promises'
import type { TestContext } from 'node:test'

/** A disk that puts nothing on disk for a while. */
export interface HeldSyncs {
  /** From now on, whoever syncs a file waits. */
  hold(): void
  /** All of them go on, and nobody waits any more. */
  release(): void
}

/** Gets hold of what puts files on disk, in this process, until the test ends: all its files are of one class, which Node does not export. */
export async function holdSyncs(t: TestContext): Promise<HeldSyncs> {
  const handle = await open(process.execPath, 'r')
  const prototype = Object.getPrototypeOf(handle)
  await handle.close()
  const { datasync, sync } = prototype
  let held: Promise<void> | undefined
  let release = () => {}
  const waits = (work: () => Promise<void>) =>
    async function (this: typeof handle) {
      await held
      return work.call(this)
    }
  Object.assign(prototype, { datasync: waits(datasync), sync: waits(sync) })
  t.after(() => {
    release()
    Object.assign(prototype, { datasync, sync })
  })
  return {
    hold: () => {
      held ??= new Promise(resolve => {
        release = resolve
      })
    },
    release: () => {
      held = undefined
      release()
    },
  }
}
