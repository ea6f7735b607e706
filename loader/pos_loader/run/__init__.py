"""One run, from a session to its outcomes. The steps of other folders are composed here, and only here.

A *session* opens a *job*: what the run works with. The *pipeline* is the order of a command's steps: it
*surveys* each collection, *decides* how to publish it, *stages* it where no reader looks, and *shows* it. A
*plan* says the same without writing. Steps run on partitions in a *pool*; their counts add up to a *tally*.
"""
