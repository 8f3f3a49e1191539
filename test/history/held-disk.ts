import { type FileHandle, open } from 'node:fs/promises'
import type { TestContext } from 'node:test'

/** What a disk does not do for a while. */
export interface HeldDisk {
  /** From now on, whoever wants it waits. */
  hold(): void
  /** Whoever waits goes on, and nobody waits any more. */
  release(): void
}

/** Gets hold of what all files of this process do by these methods, until the test ends: they are of one class, which Node does not export. */
export async function holdDisk(
  t: TestContext,
  ...methods: readonly ('datasync' | 'sync' | 'appendFile' | 'writev')[]
): Promise<HeldDisk> {
  const handle = await open(process.execPath, 'r')
  const prototype = Object.getPrototypeOf(handle)
  await handle.close()
  const before = Object.fromEntries(methods.map(method => [method, prototype[method]]))
  let held: Promise<void> | undefined
  let release = () => {}
  for (const method of methods) {
    prototype[method] = async function (this: FileHandle, ...given: unknown[]) {
      await held
      return before[method].apply(this, given)
    }
  }
  t.after(() => {
    release()
    Object.assign(prototype, before)
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
