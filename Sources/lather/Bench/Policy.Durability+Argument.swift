public import ArgumentParser
public import Training

extension Policy.Durability: ExpressibleByArgument {}
