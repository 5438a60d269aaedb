/** Something to wait for, opened by the test: order without sleeping. */
export interface Gate {
  readonly opened: Promise<void>
  open(): void
}

export function gate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: resolve }
}

/** What answers come in parts by, at either scripted server. */
interface InParts {
  answerPart(byteCount: number): Promise<void>
  more(): Promise<void>
}

/** A handler whose answers stop after so many bytes, and go on when the gate opens. */
export function pausedAfter(byteCount: number, { opened }: Gate): (exchange: InParts) => Promise<void> {
  return async (exchange) => {
    await exchange.answerPart(byteCount)
    await opened
    await exchange.more()
  }
}
