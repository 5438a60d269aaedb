/** A port that listens and never accepts: whoever connects after `fill` connections waits for the handshake for ever. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'

/** With a backlog of 1 Linux completes two handshakes by itself; the third stays unanswered. */
const COMPLETED_BY_THE_KERNEL = 2

/** The thread listens, says where, and sleeps for good without ever running its event loop again. */
const THREAD = `
  const { parentPort } = require('node:worker_threads')
  const server = require('node:net').createServer()
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  })`

export interface UnacceptingPort {
  readonly port: number
  close(): Promise<void>
}

export async function startUnacceptingPort(): Promise<UnacceptingPort> {
  const worker = new Worker(THREAD, { eval: true })
  const [port] = (await once(worker, 'message')) as [number]
  const fillers: Socket[] = []
  for (let count = 0; count < COMPLETED_BY_THE_KERNEL; count += 1) {
    const socket = connect(port, '127.0.0.1')
    // The end of the thread resets them.
    socket.on('error', () => socket.destroy())
    await once(socket, 'connect')
    fillers.push(socket)
  }
  return {
    port,
    async close() {
      for (const socket of fillers) socket.destroy()
      await worker.terminate()
    },
  }
}
