/** Labels that mark what belongs to a testnet. Values never change while an object lives: a changed label replaces it. */
export const labels = {
  testnet: 'org.seatrial.testnet',
  node: 'org.seatrial.node',
  /** On node containers only: `TopologyNode.generation`. */
  generation: 'org.seatrial.generation',
  /** On short-lived containers that Seatrial starts beside a node; the value says what for. Such a container is no node. */
  helper: 'org.seatrial.helper',
  /** On images made from a program: the key of everything that went into them. */
  program: 'org.seatrial.program',
  /** On images that `seatrial images` built: the key of everything that went into them. */
  image: 'org.seatrial.image',
} as const;

/** The name of a node's container, and the stem of everything that belongs to the node. */
export function containerName(testnet: string, node: string): string {
  return `${testnet}-${node}`;
}
