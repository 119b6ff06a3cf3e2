"""Discovery: do networks find symmetries, laws and concepts that nobody told them about?"""
