/**
 * Server: the public listeners, all of them or none.
 *
 * After `close()` has resolved no listener and no connection is left.
 */

import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { cannotListen } from '../errors.ts'
import type { PreparedCertificates } from './certificates.ts'
import { prepareCertificates, usableCertificates } from './certificates.ts'
import { DrainableServer, type Listen, type ServerOptions } from './drainable-server.ts'
import type { Handler } from './handler.ts'

export interface Listener {
  readonly address: string
  readonly port: number
}

export interface RunningServer {
  readonly listeners: readonly Listener[]
  /** Reads all certificates again, for the handshakes to come; all of them or none can be taken into use then. */
  readCertificates(): Promise<PreparedCertificates>
  /**
   * Stops accepting, lets answers under way finish for at most `graceMs`, then cuts off what is left. Connections that
   * wait for their next request get `idleMs` for it, and the word that it is the last one.
   */
  close(graceMs: number, idleMs: number): Promise<void>
}

/** Connections the kernel completes before we take them; thousands of players arrive in the same second. */
const BACKLOG = 4096

/** @throws {StartError} naming the address that cannot be listened on or the file that is no use; nothing is left open */
export async function startServer(
  listens: readonly Listen[],
  handler: Handler,
  options: ServerOptions,
): Promise<RunningServer> {
  const { clock, onFault } = options
  const servers: DrainableServer[] = []
  try {
    for (const listen of listens) {
      const certificates = listen.tls && (await usableCertificates(listen.tls))
      for (const certificate of certificates ?? []) options.onCertificate?.(certificate)
      const server = new DrainableServer({ ...listen, certificates }, handler, options)
      await startListening(server.http, listen)
      // Accepting can fail later too (no file descriptors left); what is connected goes on.
      server.http.on('error', onFault)
      servers.push(server)
    }
  } catch (error) {
    for (const server of servers) server.http.close()
    throw error
  }
  return {
    listeners: servers.map(({ http }) => listenerOf(http)),
    readCertificates: () => prepareCertificates(servers, options.onCertificate ?? ignoreCertificate),
    close: async (graceMs, idleMs) => {
      await Promise.all(servers.map((server) => server.drain(graceMs, idleMs, clock)))
    },
  }
}

const ignoreCertificate = (): void => undefined

function startListening(server: Server, { host, port, reusePort = false }: Listen): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException) => {
      reject(cannotListen(host, port, error))
    }
    server.once('error', refuse)
    server.listen({ host, port, reusePort, backlog: BACKLOG }, () => {
      server.off('error', refuse)
      resolve()
    })
  })
}

function listenerOf(server: Server): Listener {
  const { address, port } = server.address() as AddressInfo
  return { address, port }
}
