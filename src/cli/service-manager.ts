import { spawn } from 'node:child_process'
import type { Logger } from 'pino'

/**
 * Tells systemd, if it waits to be told (`Type=notify`), what the service does. The message is a datagram to a unix socket
 * (sd_notify(3)), a kind that Node does not have; so systemd's own program sends it, which waits until it has arrived.
 * Needs `NotifyAccess=all`, for it comes from a child. That it fails is logged and nothing else: the bus is there.
 */
export function tellServiceManager(state: 'READY=1' | 'STOPPING=1', log: Logger): void {
  if (!process.env.NOTIFY_SOCKET) return
  const failed = (why: object) => log.warn({ state, ...why }, 'systemd could not be told (systemd-notify)')
  const child = spawn('systemd-notify', [state], { stdio: 'ignore' })
  child.unref()
  child.on('error', err => failed({ err }))
  child.on('exit', code => {
    if (code !== 0) failed({ code })
  })
}
