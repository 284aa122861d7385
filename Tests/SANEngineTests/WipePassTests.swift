import SANEngine
import Testing

@Suite("What each wipe algorithm does")
struct WipePassTests {
    @Test("the passes are scrub's, the ones that read back too")
    func scrub() {
        let counts: [WipeAlgorithm: Int] = [
            .zero: 1, .trim: 1, .nnsa: 4, .dod: 4, .bsi: 9, .gutmann: 35, .schneier: 7, .pfitzner7: 7, .pfitzner33: 33,
            .random: 1,
        ]
        for algorithm in WipeAlgorithm.allCases {
            #expect(algorithm.passes.count == counts[algorithm], "\(algorithm)")
        }
        #expect(WipeAlgorithm.nnsa.passes == [.random, .random, .pattern([0]), .verify(0)])
        #expect(WipeAlgorithm.dod.passes == [.random, .pattern([0]), .pattern([0xFF]), .verify(0xFF)])
        #expect(WipeAlgorithm.gutmann.passes[4] == .pattern([0x55]))
        #expect(WipeAlgorithm.gutmann.passes[30] == .pattern([0xDB, 0x6D, 0xB6]))
    }
}
