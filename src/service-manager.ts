/**
 * Service manager: tells systemd how far the program is, where systemd has started it and wants to know (sd_notify).
 *
 * Node cannot write to the socket that systemd gives it, so `systemd-notify`, a program of systemd's own, does. Without
 * it nothing is told, and the program runs all the same.
 */

import { spawn } from 'node:child_process'

export type ServiceState = 'ready' | 'reloading' | 'stopping'

const ASSIGNMENTS: Readonly<Record<ServiceState, readonly string[]>> = {
  ready: ['READY=1', 'STATUS=Serving'],
  reloading: ['STATUS=Reloading'],
  stopping: ['STOPPING=1', 'STATUS=Finishing answers under way'],
}

/** @param environment of the process; nothing is told where it has no NOTIFY_SOCKET */
export function serviceManager(
  environment: Readonly<Record<string, string | undefined>>,
  onFailure: (error: Error) => void,
): (state: ServiceState) => void {
  if (environment['NOTIFY_SOCKET'] === undefined) return () => undefined
  return (state) => {
    const child = spawn('systemd-notify', ASSIGNMENTS[state], { stdio: 'ignore' })
    child.on('error', onFailure)
    child.unref()
  }
}
