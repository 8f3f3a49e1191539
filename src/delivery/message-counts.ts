import type { FrameType, Message } from '../protocol/message.ts'
import { type Interest, type MessageType, typesOf } from '../protocol/topics.ts'
import { AddressedRuns } from './addressed-runs.ts'
import type { LoggedBatch } from './batch.ts'
import { onesIn } from './bits.ts'
import { type AddressedRun, addressedIn, type CountedPart, type TypeCode, typeCodeOf, typeCodes } from './counted.ts'

/** Messages of a block; two bits for each. */
const blockMessages = 1024

const codesPerWord = 16
const wordsPerBlock = blockMessages / codesPerWord

/** One bit of each code in a word. */
const lowBits = 0x5555_5555

/** Messages with consecutive sequence numbers. */
interface Block {
  readonly first: number
  size: number
  /** Their codes. Undefined: what they are is not known yet, and they count as of every type. */
  words: Uint32Array | undefined
  /** Messages of each type before, from some beginning on. */
  readonly before: Record<FrameType, number>
}

/** Blocks of one type alone, of which there are many, share their codes. */
const uniform = [0, lowBits, 2 * lowBits, 3 * lowBits].map(word => new Uint32Array(wordsPerBlock).fill(word >>> 0))

/**
 * How many messages of each type the log has between two places: known at once, at any depth. It takes two bits a message, less
 * where many in a row are of one type.
 */
export class MessageCounts {
  #blocks: Block[] = []
  /** Messages of each type in all blocks; undefined: that was not looked up since they changed. */
  #all: Record<FrameType, number> | undefined
  readonly #addressed = new AddressedRuns()

  /** Takes note of a batch at the end of the log. */
  append({ messages, first }: LoggedBatch): void {
    let isAddressed = false
    this.#write(first, messages.length, index => {
      const message = messages[index] as Message
      isAddressed ||= message.audience !== undefined
      return typeCodeOf(message)
    })
    if (isAddressed) this.#note(addressedIn(messages, first))
  }

  /** The next part of the log is this. */
  add({ first, codes, addressed }: CountedPart): void {
    this.#write(first, codes.length, index => codes[index] as TypeCode)
    this.#note(addressed)
  }

  /** The next part of the log, up to before `end`, is not known yet: see {@link learn}. */
  addUnknown(first: number, end: number): void {
    this.#all = undefined
    if (end > first) this.#blocks.push({ first, size: end - first, words: undefined, before: this.#total })
  }

  /** What was not known yet is this. */
  learn({ first, codes, addressed }: CountedPart): void {
    const at = this.#blocks.findIndex(block => block.first === first && block.words === undefined)
    if (at < 0) return
    const after = this.#blocks.splice(at).slice(1)
    this.#all = undefined
    this.add({ first, codes, addressed: [] })
    for (const block of after) this.#blocks.push({ ...block, before: this.#total })
    this.#note(addressed)
  }

  /** Messages of this type from a sequence number to before another. At most so many where it is not known yet. */
  between(type: FrameType, from: number, to: number): number {
    if (to <= from) return 0
    // Most ask for all up to the end, many of them between two messages.
    this.#all ??= this.#total
    const upTo = to >= this.#end ? this.#all[type] : this.#before(type, to)
    return upTo - this.#before(type, from)
  }

  /** The same of messages for this subscriber alone or, of requests for snapshots, for all but it. */
  addressedTo(topic: string, type: FrameType, from: number, to: number): number {
    return this.#addressed.count(topic, type, from, to)
  }

  /**
   * The first sequence number from one on, and before another, of a message that may be for whoever has this interest: not one
   * that is for everyone, and of another type. Else that other one.
   */
  nextFor(interest: Interest, from: number, to: number): number {
    const passed = typesOf('both').filter(type => !typesOf(interest).includes(type))
    let sequence = from
    for (let at = this.#placeOf(from); passed.length > 0 && sequence < to; at++) {
      const block = this.#blocks[at]
      if (block?.words === undefined || sequence < block.first) return sequence
      const end = block.first + block.size
      const found = firstNotOf(passed, block.words, sequence - block.first)
      if (block.first + found < end) return Math.min(block.first + found, to)
      sequence = Math.max(sequence, end)
    }
    return Math.min(sequence, to)
  }

  /** What is known of a part of the log. */
  part(first: number, end: number): CountedPart {
    const codes = new Uint8Array(Math.max(0, end - first))
    for (let at = Math.max(0, this.#placeOf(first)); at < this.#blocks.length; at++) {
      const block = this.#blocks[at] as Block
      const last = Math.min(end, block.first + block.size)
      for (let sequence = Math.max(first, block.first); sequence < last; sequence++) {
        codes[sequence - first] = codeAt(block, sequence - block.first)
      }
    }
    return { first, codes, addressed: this.#addressed.between(first, end) }
  }

  /** Is it known what the messages of this part of the log are? */
  knows(first: number, end: number): boolean {
    return !this.#blocks.some(
      block => block.words === undefined && block.first < end && first < block.first + block.size,
    )
  }

  /** The log begins with this sequence number now. */
  forgetBefore(sequence: number): void {
    const [oldest] = this.#blocks
    // Each time many, so that it costs little for each.
    if (oldest === undefined || oldest.first + 64 * blockMessages > sequence) return
    this.#blocks = this.#blocks.filter(({ first, size }) => first + size > sequence)
    this.#addressed.forgetBefore(sequence)
  }

  /** This subscriber is no more. */
  forget(topic: string): void {
    this.#addressed.forget(topic)
  }

  /** From now on it is known who is a subscriber: what is for others is not counted. */
  countFor(isSubscriber: (topic: string) => boolean): void {
    this.#addressed.keepFor(isSubscriber)
  }

  #note(runs: readonly AddressedRun[]): void {
    for (const run of runs) this.#addressed.add(run)
  }

  #write(first: number, count: number, codeOf: (index: number) => TypeCode): void {
    this.#all = undefined
    for (let index = 0; index < count; ) {
      const { block, words } = this.#blockFor(first + index)
      let at = block.size
      for (const end = Math.min(blockMessages, at + count - index); at < end; at++, index++) {
        words[at >> 4] = (words[at >> 4] as number) | (codeOf(index) << ((at & 15) * 2))
      }
      block.size = at
      if (at === blockMessages) block.words = shared(words)
    }
  }

  /** The last block, if there is room in it for the message with this sequence number, and none is missing before; or a new one. */
  #blockFor(sequence: number): { readonly block: Block; readonly words: Uint32Array } {
    const last = this.#blocks.at(-1)
    if (last?.words !== undefined && last.size < blockMessages && last.first + last.size === sequence) {
      return { block: last, words: last.words }
    }
    const words = new Uint32Array(wordsPerBlock)
    const block = { first: sequence, size: 0, words, before: this.#total }
    this.#blocks.push(block)
    return { block, words }
  }

  /** The sequence number that follows the last message. */
  get #end(): number {
    const last = this.#blocks.at(-1)
    return last === undefined ? 0 : last.first + last.size
  }

  /** Messages of each type in all blocks, and before. */
  get #total(): Record<FrameType, number> {
    const last = this.#blocks.at(-1)
    const of = (type: FrameType) => (last === undefined ? 0 : last.before[type] + countIn(last, type, last.size))
    return { indicator: of('indicator'), sighting: of('sighting'), snapshotrequest: of('snapshotrequest') }
  }

  #before(type: FrameType, sequence: number): number {
    const block = this.#blocks[Math.max(0, this.#placeOf(sequence))]
    if (block === undefined) return 0
    return block.before[type] + countIn(block, type, Math.min(block.size, Math.max(0, sequence - block.first)))
  }

  /** The place of the last block that does not begin behind this sequence number; -1 if all do. */
  #placeOf(sequence: number): number {
    let from = 0
    let to = this.#blocks.length
    while (from < to) {
      const middle = (from + to) >> 1
      if ((this.#blocks[middle] as Block).first <= sequence) from = middle + 1
      else to = middle
    }
    return from - 1
  }
}

/** Messages of this type among the first `count` of a block. */
function countIn({ words }: Block, type: FrameType, count: number): number {
  if (words === undefined) return count
  const code = typeCodes[type]
  const whole = count >> 4
  let messages = 0
  for (let at = 0; at < whole; at++) messages += onesIn(matching(words[at] as number, code))
  const rest = count & 15
  if (rest > 0) messages += onesIn(matching(words[whole] as number, code) & ((1 << (rest * 2)) - 1))
  return messages
}

/** The place from `from` on of the first message in these words that is of none of these types. */
function firstNotOf(types: readonly MessageType[], words: Uint32Array, from: number): number {
  let at = from
  while (at < blockMessages) {
    const word = words[at >> 4] as number
    let those = 0
    for (const type of types) those |= matching(word, typeCodes[type])
    const others = (~those & lowBits) >>> ((at & 15) * 2)
    if (others !== 0) return at + (Math.clz32(others & -others) ^ 31) / 2
    at = (at | 15) + 1
  }
  return blockMessages
}

/** A bit for each code in a word that is this one. */
function matching(word: number, code: number): number {
  const low = code & 1 ? word : ~word
  const high = code & 2 ? word : ~word
  return low & (high >>> 1) & lowBits
}

function codeAt({ words }: Block, at: number): TypeCode {
  return words === undefined ? 0 : ((((words[at >> 4] as number) >>> ((at & 15) * 2)) & 3) as TypeCode)
}

function shared(words: Uint32Array): Uint32Array {
  const same = uniform.find(each => each[0] === words[0])
  return same !== undefined && words.every(word => word === same[0]) ? same : words
}
