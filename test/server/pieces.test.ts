import { EventEmitter } from 'node:events'
import { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { expect, test } from 'vitest'
import type { ServerResponse } from '../../src/server/messages.ts'
import { endWith } from '../../src/server/pieces.ts'
import { pattern } from '../support/shield.ts'

const BYTES = pattern(1_000_000)

/** A response that has room for so many writes, until the next `drain`. */
class Room extends EventEmitter {
  readonly req: { readonly socket: Socket }
  readonly taken: Buffer[] = []
  readonly timeouts: number[] = []
  readonly writableLength = 1
  destroyed = false
  isEnded = false
  #writes: number

  constructor(socket: Socket, writes: number) {
    super()
    this.req = { socket }
    this.#writes = writes
  }

  write(bytes: Buffer): boolean {
    this.taken.push(bytes)
    this.#writes -= 1
    return this.#writes > 0
  }

  end(bytes: Buffer): void {
    this.taken.push(bytes)
    this.isEnded = true
  }

  readonly setTimeout = (ms: number) => void this.timeouts.push(ms)

  drain(writes: number): void {
    this.#writes = writes
    this.emit('drain')
  }
}

const roomOn = (socket: Socket, writes: number) => new Room(socket, writes)
const ending = (room: Room) => endWith(room as unknown as ServerResponse, BYTES, 1000)

test('a plain connection gets all of it in one go', () => {
  const room = roomOn(new Socket(), 1)
  ending(room)
  expect([room.taken, room.isEnded, room.timeouts]).toEqual([[BYTES], true, [1000]])
})

test('an encrypted one gets pieces, no more than there is room for, and the rest as it drains', () => {
  const room = roomOn(new TLSSocket(new Socket()), 2)
  ending(room)
  expect(room.taken.map(({ length }) => length)).toEqual([65_536, 65_536])
  expect([room.isEnded, room.timeouts]).toEqual([false, [1000]])
  room.drain(1)
  expect(room.taken).toHaveLength(3)
  expect(room.timeouts).toEqual([1000, 0, 1000])
  room.drain(100)
  expect(room.isEnded).toBe(true)
  expect(Buffer.concat(room.taken).equals(BYTES)).toBe(true)
  // All of them are parts of the one Buffer.
  expect(new Set(room.taken.map(({ buffer }) => buffer)).size).toBe(1)
})

test('a connection that is gone is written to no more', () => {
  const room = roomOn(new TLSSocket(new Socket()), 1)
  room.destroyed = true
  ending(room)
  expect([room.taken.length, room.isEnded, room.listenerCount('drain')]).toEqual([1, false, 0])
})
