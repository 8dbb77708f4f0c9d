import { generationLabel, nodeLabel, testnetLabel } from '../topology/labels.ts';

/** Labels that mark what belongs to a testnet. Values never change while an object lives: a changed label replaces it. */
export const labels = {
  testnet: testnetLabel,
  node: nodeLabel,
  /** On node containers only: `TopologyNode.generation`. */
  generation: generationLabel,
  /** On short-lived containers that Seatrial starts beside a node; the value says what for. Such a container is no node. */
  helper: 'org.seatrial.helper',
  /** On the container that is a testnet's lease: its token and owner as JSON. */
  lease: 'org.seatrial.lease',
  /** On the container that holds a fault: its facts as JSON. It outlives the process that made it, on purpose. */
  fault: 'org.seatrial.fault',
  /** On helper containers: the process that made them, as JSON, so that what it left when it was killed is known for that. */
  owner: 'org.seatrial.owner',
  /** On images made from a program: the key of everything that went into them. */
  program: 'org.seatrial.program',
  /** On images that `seatrial images` built: the key of everything that went into them. */
  image: 'org.seatrial.image',
} as const;
